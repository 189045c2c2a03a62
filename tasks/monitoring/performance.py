"""How well a model did on a window of logged rows whose outcomes have come, so far.

Outcomes that come early are often those of the easy cases. Where the rows with an outcome were answered with another
confidence than those without, each counts as many times as there are rows of its confidence (Horvitz and Thompson,
1952, within strata), and that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl

from tasks.core import metrics
from tasks.core.model_records import Metric, ModelCard
from tasks.core.records import Record
from tasks.core.weighted import Array, Rows

FEWEST = 30
"""Outcomes below which no figure is told."""
STRATA = 10
DIFFERENT, LARGE = 3.0, 0.1
"""Standard errors, and standard deviations, by which the confidence with and without an outcome must differ."""
RESAMPLES = 500
UNREACHED = 0.05
"""The share of rows of a confidence of which no outcome came: of more, the weighted figures do not speak."""


class Delay(Record):
    """After how many hours outcomes came: half, nine in ten, all that came so far."""

    median: float
    p90: float
    longest: float


class Performance(Record):
    """The metrics on the rows with an outcome. `weighted` ones stand for all rows, where `early` cases are easier.

    `notes` say in sentences what must be known to read the figures.
    """

    n_rows: int
    n_labelled: int
    coverage: float
    delay: Delay | None
    metrics: tuple[Metric, ...]
    weighted: tuple[Metric, ...] = ()
    early: bool = False
    unreached: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def best(self) -> tuple[Metric, ...]:
        """The figures to go by."""
        return self.weighted or self.metrics


def performance(
    rows: pl.DataFrame, card: ModelCard, names: Sequence[str], now: datetime | None = None, seed: int = 0
) -> Performance:
    """The metrics of logged rows joined with their outcomes (`core.outcomes.joined`), with 95 % intervals.

    An outcome that is no class of the model is left out, and told. `now` says how old the youngest rows are.
    """
    predicted, y = answers(rows, card), outcomes(rows, card)
    labelled = np.isfinite(y)
    n, notes = int(labelled.sum()), list[str]()
    strange = int(rows["__outcome__"].is_not_null().sum()) - n
    if strange:
        notes.append(f"{strange:,} outcomes are no {'class' if card.target.classes else 'number'} of the model")
    delay = _delay(rows)
    known = Performance(
        n_rows=rows.height, n_labelled=n, coverage=n / max(rows.height, 1), delay=delay, metrics=(), notes=()
    )
    notes += _late(rows, delay, known.coverage, now)
    if n < FEWEST:
        told = f"{n} outcomes are too few for a figure, of {FEWEST} that it takes"
        return known.model_copy(update={"notes": (*notes, told)})
    codes = y[labelled] if not card.target.classes else y[labelled].astype(np.intp)
    figures, left_out = metrics.intervals(names, codes, predicted[labelled], seed, card.threshold)
    found: dict[str, object] = {"metrics": figures}
    confidence = predicted.max(axis=1) if predicted.ndim == 2 else predicted
    if is_different(confidence, labelled):
        weights, unreached = inverse_chances(confidence, labelled)
        found |= {"early": True, "unreached": unreached}
        notes.append(_early(confidence, labelled, predicted.ndim == 2))
        if unreached <= UNREACHED:
            threshold = card.threshold
            found["weighted"] = _weighted(names, codes, predicted[labelled], weights[labelled], seed, threshold)
        else:
            notes.append(
                f"{unreached:.0%} of the rows are of a confidence of which no outcome came: of these it is silent"
            )
    return known.model_copy(update={**found, "notes": (*notes, *left_out)})


def answers(rows: pl.DataFrame, card: ModelCard) -> Rows:
    """What was answered: (n, k) probabilities, or (n,) values."""
    if not card.target.classes:
        return rows["__prediction__"].cast(pl.Float64).to_numpy()
    n_classes = len(card.target.classes)
    return rows["__outputs__"].cast(pl.List(pl.Float64)).list.to_array(n_classes).to_numpy().reshape(-1, n_classes)


def outcomes(rows: pl.DataFrame, card: ModelCard) -> Array:
    """What came true: the class's place or the value, NaN where nothing is known."""
    told = rows["__outcome__"]
    if not card.target.classes:
        return told.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    places = {name: place for place, name in enumerate(card.target.classes)}
    codes = told.replace_strict(places, default=None, return_dtype=pl.Float64)
    return codes.fill_null(float("nan")).to_numpy()


def is_different(confidence: Array, labelled: np.ndarray) -> bool:
    """Whether the rows with an outcome were answered with another confidence than those without."""
    with_one, without = confidence[labelled], confidence[~labelled]
    if len(with_one) < FEWEST or len(without) < FEWEST:
        return False
    error = np.sqrt(with_one.var() / len(with_one) + without.var() / len(without))
    apart = abs(float(with_one.mean() - without.mean()))
    return apart > DIFFERENT * error and apart > LARGE * float(confidence.std())


def inverse_chances(confidence: Array, labelled: np.ndarray) -> tuple[Array, float]:
    """For each row the rows of its confidence for each that has an outcome, and the share of rows of which none has."""
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, STRATA + 1)[1:-1]))
    stratum = np.searchsorted(edges, confidence, side="right")
    every = np.bincount(stratum, minlength=len(edges) + 1)
    known = np.bincount(stratum[labelled], minlength=len(edges) + 1)
    weights = np.where(known > 0, every / np.maximum(known, 1), 0.0)
    return weights[stratum], float(every[known == 0].sum() / len(confidence))


def _weighted(
    names: Sequence[str], y: Rows, predicted: Rows, weights: Array, seed: int, threshold: float
) -> tuple[Metric, ...]:
    """The metrics of weighted rows with bootstrap intervals; those without a value are left out."""
    generator = np.random.default_rng(seed)
    counts = np.array([np.bincount(generator.integers(0, len(y), len(y)), minlength=len(y)) for _ in range(RESAMPLES)])
    found: list[Metric] = []
    for name in names:
        known = metrics.measure(name)
        statistic = known.prepare(y, predicted, threshold)
        with np.errstate(all="ignore"):
            value, drawn = float(statistic(weights[None])[0]), statistic(counts * weights)
        drawn = drawn[np.isfinite(drawn)]
        if np.isfinite(value) and len(drawn) > 1:
            low, high = np.quantile(drawn, (0.025, 0.975))
            low, high = metrics.within(name, min(float(low), value), max(float(high), value))
            better = known.greater_is_better
            found.append(Metric(name=name, value=value, low=low, high=high, greater_is_better=better))
    return tuple(found)


def _delay(rows: pl.DataFrame) -> Delay | None:
    hours = ((rows["__outcome_at__"] - rows["__time__"]).dt.total_seconds() / 3_600).drop_nulls()
    if not len(hours):
        return None
    median, p90, longest = (float(hours.quantile(share, "linear") or 0.0) for share in (0.5, 0.9, 1.0))
    return Delay(median=median, p90=p90, longest=longest)


def _late(rows: pl.DataFrame, delay: Delay | None, coverage: float, now: datetime | None) -> list[str]:
    """A sentence where outcomes are still on their way."""
    if delay is None or now is None or coverage >= 1 or not rows.height:
        return []
    asked = rows["__time__"]
    young = int((((pl.Series([now]).cast(asked.dtype)[0] - asked).dt.total_seconds() / 3_600) < delay.p90).sum())
    if not young:
        return []
    return [
        f"{young:,} rows are younger than the {delay.p90:,.1f} hours in which nine of ten outcomes came: more will come"
    ]


def _early(confidence: Array, labelled: np.ndarray, classes: bool) -> str:
    with_one, without = (float(confidence[each].mean()) for each in (labelled, ~labelled))
    of = "confidence" if classes else "prediction"
    which = "easier" if classes and with_one > without else "harder" if classes else "other"
    return (
        f"outcomes came for {which} cases first: their mean {of} is {with_one:.3g}, and {without:.3g} where none came; "
        "the weighted figures allow for it"
    )
