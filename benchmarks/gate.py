"""How often is a worse model promoted, a better one refused, and an equal one refused without a reason?

    python benchmarks/gate.py [--draws N]

The product's own comparison (`tasks.core.metrics.compare`, which `evaluate` asks) and gate (`tasks.deploy.judge`) judge
made-up answers of two models to the same rows. `apart` is the share of the rows at which just one of the two is right:
retrained models are alike, a twentieth to a fifth is usual. In `log_loss` both models have the same true chances, with
errors of their own in the logits. `days` are thirty days of one day's error each, as the rows of a stream come.

`limit` is what no test by the difference of the two can better: how many of the worse are promoted where just as many
of the equal are refused, by one that knows how the difference spreads and need not estimate it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from tasks.core.metrics import compare, value
from tasks.core.model_records import Comparison, Evaluation, Metric, Verification
from tasks.core.records import Blob
from tasks.deploy import Acceptance, judge

ACCURACY, POINTS = 0.80, 0.02
SIZES = [500, 1_000, 2_000, 5_000]
APART = (0.05, 0.10, 0.20)
DRAWN = range(2_000)
"""Draws of which the limit is told."""
Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]


def by_accuracy(generator: np.random.Generator, n_rows: int, gain: float, apart: float, n_days: int = 0) -> Drawn:
    """Truth, the challenger's answers, the champion's, and the days; `gain` is the challenger's in accuracy."""
    days = np.arange(n_rows) * n_days // n_rows if n_days else None
    shift = 0.0 if days is None else generator.normal(0, 0.03, n_days)[days]  # of a day's accuracy, either way
    lot = generator.random(n_rows)
    only_ours, only_theirs = (apart + gain + shift) / 2, (apart - gain - shift) / 2
    ours = (lot < only_ours) | (lot > 1 - (ACCURACY - apart / 2))
    theirs = ((lot >= only_ours) & (lot < only_ours + only_theirs)) | (lot > 1 - (ACCURACY - apart / 2))
    y = generator.integers(0, 2, n_rows)
    return y, _answers(y, ours), _answers(y, theirs), days


def by_chance(generator: np.random.Generator, n_rows: int, gain: float, apart: float, n_days: int = 0) -> Drawn:
    """The same of probabilities: the worse model's logits are so far off that its accuracy is lower by the points."""
    truth = generator.normal(0, 2.6, n_rows)
    y = (generator.random(n_rows) < 1 / (1 + np.exp(-truth))).astype(np.int64)
    least = {0.05: 0.30, 0.10: 0.60, 0.20: 1.26}[apart]
    more = {0.05: 0.84, 0.10: 1.02, 0.20: 1.61}[apart]
    scale = {True: (least, more), False: (more, least)}[gain > 0] if gain else (least, least)
    ours, theirs = (truth + generator.normal(0, each, n_rows) for each in scale)
    return y, _chances(ours), _chances(theirs), None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    args = parser.parse_args()
    n_draws = args.draws
    print(
        f"{n_draws} draws each; promoted of the worse (wanted: 5 %), of the better (95 %), refused of the equal (10 %)"
    )
    for name, metric, draw, n_days in (
        ("accuracy", "accuracy", by_accuracy, 0),
        ("log_loss", "log_loss", by_chance, 0),
        ("days", "accuracy", by_accuracy, 30),
    ):
        for n_rows in args.sizes:
            for apart in APART:
                told = [
                    np.mean([_promoted(draw, metric, n_rows, gain, apart, n_days, seed) for seed in range(n_draws)])
                    for gain in (-POINTS, POINTS, 0.0)
                ]
                limit = _limit(draw, metric, n_rows, apart, n_days, 1 - told[2])
                found = f"worse {told[0]:6.1%} (limit {limit:5.1%})   better {told[1]:6.1%}"
                found += f"   equal refused {1 - told[2]:6.1%}"
                print(f"{name:<9} {n_rows:>6,} rows, {apart:4.0%} apart:   {found}", flush=True)


def _limit(draw: Callable[..., Drawn], metric: str, n_rows: int, apart: float, n_days: int, refused: float) -> float:
    """The share of the worse that is promoted where this share of the equal is refused, by the true distributions.

    The days have as many rows and the same spread each: their plain mean is then the best estimate that there is.
    """
    worse, equal = (
        [_gain(draw(np.random.default_rng([1, seed, n_rows]), n_rows, gain, apart, n_days), metric) for seed in DRAWN]
        for gain in (-POINTS, 0.0)
    )
    return float(np.mean(np.array(worse) >= np.quantile(equal, refused)))


def _gain(drawn: Drawn, metric: str) -> float:
    y, ours, theirs, _ = drawn
    sign = 1 if metric == "accuracy" else -1
    return sign * (value(metric, y, ours) - value(metric, y, theirs))


def _promoted(
    draw: Callable[..., Drawn], metric: str, n_rows: int, gain: float, apart: float, n_days: int, seed: int
) -> bool:
    y, ours, theirs, days = draw(np.random.default_rng([seed, n_rows]), n_rows, gain, apart, n_days)
    found = compare(metric, y, ours, theirs, seed, against="champion version 1", blocks=days)
    return all(gate.held for gate in judge(EXACT, _evaluation(metric, found), Acceptance(baseline="off")))


def _evaluation(metric: str, champion: Comparison) -> Evaluation:
    figure = Metric(name=metric, value=champion.ours, low=0, high=1, greater_is_better=metric == "accuracy")
    blob = Blob(digest="0" * 64, suffix=".parquet", size=0)
    return Evaluation(
        metric=metric,
        n_rows=champion.n_rows,
        metrics=(figure,),
        classes=(),
        confusion=(),
        slices=(),
        baseline=champion,
        champion=champion,
        predictions=blob,
    )


def _answers(y: np.ndarray, right: np.ndarray) -> np.ndarray:
    positive = np.where(right, y, 1 - y) * 0.8 + 0.1
    return np.column_stack([1 - positive, positive])


def _chances(logits: np.ndarray) -> np.ndarray:
    positive = 1 / (1 + np.exp(-logits))
    return np.column_stack([1 - positive, positive])


EXACT = Verification(n_rows=1, largest_difference=0.0)

if __name__ == "__main__":
    main()
