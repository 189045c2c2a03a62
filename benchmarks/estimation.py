"""How often is the real figure within the interval that was estimated without labels, and is concept drift told?

    python benchmarks/estimation.py PATH_TO_DATA [--windows N]

A model is fitted on two fifths of each table, a fifth is held out, and windows of 400 rows are drawn from the rest: as
they are, and under covariate shift (a row's chance grows with exp(strength x a column's rank)). Under concept drift the
outcomes of the upper third of a column are redrawn from all; five labelled windows of it come first, then one without.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from tasks.core import metrics
from tasks.monitoring.estimation import Answered, check, estimate
from tasks.monitoring.estimation_weights import encoded

TABLES = {
    "telco": ("bench_telco_churn/bench_telco_churn.csv", "churn"),
    "credit": ("bench_credit_g/bench_credit_g.csv", "risk"),
    "elec2": ("drift_elec2/drift_elec2.csv", "class"),
    "wine colour": ("bench_wine_quality/bench_wine_quality.csv", "color"),
    "abalone": ("bench_abalone/bench_abalone.csv", "rings"),
    "california": ("california_housing/california_housing.csv", "median_house_value"),
    "wine quality": ("bench_wine_quality/bench_wine_quality.csv", "quality"),
}
N_WINDOW, MOST_ROWS = 400, 8_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--windows", type=int, default=12)
    args = parser.parse_args()
    heads = ("windows", 8), ("valid", 7), ("within, valid", 15), ("within, all", 13), ("width", 8)
    print(f"{'table':<14}{'metric':<10}{'shift':<10}", *(head.rjust(n) for head, n in heads), sep="")
    totals: defaultdict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for table, (file, target) in TABLES.items():
        rng = np.random.default_rng(0)
        rows = pl.read_csv(args.data / file, infer_schema_length=None, null_values=["", "NA"]).drop_nulls(target)
        rows = rows.sample(min(rows.height, MOST_ROWS), seed=0, shuffle=True).drop("timestamp", strict=False)
        views = rows.drop(target).with_columns(pl.col(pl.String), pl.col(pl.Int64, pl.Float64).cast(pl.Float64))
        classes = rows[target].dtype == pl.String or rows[target].n_unique() <= 2
        y = (
            rows[target].cast(pl.String).rank("dense").to_numpy().astype(int) - 1
            if classes
            else rows[target].to_numpy().astype(float)
        )
        n = rows.height
        fit, held, rest = np.arange(2 * n // 5), np.arange(2 * n // 5, 3 * n // 5), np.arange(3 * n // 5, n)
        x = encoded(views, views[fit])
        model = (HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor)(
            max_iter=80, learning_rate=0.08, random_state=0
        )
        model.fit(x[fit], y[fit])
        predicted = model.predict_proba(x) if classes else model.predict(x)
        known = Answered(predicted[held], views[held], y[held])
        numeric = [name for name in views.columns if views[name].dtype == pl.Float64 and views[name].n_unique() > 10]
        for metric in ("accuracy", "roc_auc") if classes else ("rmse", "mae"):
            for strength in (0.0, 1.0, 2.0, 4.0):
                found: list[tuple[bool, bool, float]] = []
                for number in range(args.windows):
                    name = numeric[number % len(numeric)]
                    rank = views[name][rest].rank().fill_null(0).to_numpy() / len(rest)
                    rank = 1 - rank if number % 2 else rank
                    chance = np.exp(strength * rank)
                    drawn = rest[
                        rng.choice(len(rest), min(N_WINDOW, len(rest) // 2), replace=False, p=chance / chance.sum())
                    ]
                    told = estimate(metric, Answered(predicted[drawn], views[drawn]), known, seed=number)
                    real = metrics.value(metric, y[drawn], predicted[drawn])
                    found.append((told.valid, told.low <= real <= told.high, told.high - told.low))
                totals["as they are" if not strength else "covariate shift"] += [each[:2] for each in found]
                print(table.ljust(14), metric.ljust(9), f"x {strength:g}".ljust(9), *_shown(found), sep="")
        metric = "accuracy" if classes else "mae"
        for number in range(args.windows):
            name = numeric[number % len(numeric)]
            upper = (views[name].rank() > 2 * n / 3).fill_null(False).to_numpy()
            changed = np.where(upper, y[rng.permutation(n)], y)
            draws = [rng.choice(rest, min(N_WINDOW, len(rest) // 2), replace=False) for _ in range(6)]
            past = [
                check(metric, Answered(predicted[each], views[each], changed[each]), known, seed=number)
                for each in draws[:-1]
            ]
            last = draws[-1]
            told = estimate(metric, Answered(predicted[last], views[last]), known, past=past, seed=number)
            real = metrics.value(metric, changed[last], predicted[last])
            before = metrics.value(metric, y[last], predicted[last])
            moved = abs(real - before) > (told.high - told.low) / 2
            totals[
                "concept drift that moves the figure out of the interval" if moved else "concept drift within it"
            ].append((told.valid, told.low <= real <= told.high))
    for name, each in totals.items():
        valid = [within for ok, within in each if ok]
        print(
            f"{name}: {len(each)} windows, {len(valid)} called valid, of these {np.mean(valid or [np.nan]):.1%} within"
        )


def _shown(found: list[tuple[bool, bool, float]]) -> list[str]:
    valid = [within for ok, within, _ in found if ok]
    every = [within for _, within, _ in found]
    inside = f"{np.mean(valid):.0%}" if valid else "-"
    return [
        f"{len(found):>8}",
        f"{len(valid):>7}",
        f"{inside:>15}",
        f"{np.mean(every):>13.0%}",
        f"{np.mean([each[2] for each in found]):>8.3f}",
    ]


if __name__ == "__main__":
    main()
