"""Columns that hold a figure of the target over a group of rows, the row's own answer among them.

A mean over past rows is honest, and looks alike. What tells them apart: a mean over the very rows that are looked at
strays from the group's mean among the training rows only as far as the rows that are missing there let it.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.core import store
from tasks.core.figures import percent
from tasks.core.records import Dataset
from tasks.examining.sampled import Sample, numbers

GROUPS = 20
"""At least, of two rows or more."""
SPREAD = 1.6
"""Times the squared difference that the rows missing from the training rows explain. A mean over as many past rows
strays 4.5 times as far when 64 % of the rows train, one that is known exactly 2.8 times."""
SLOPE = 0.2
"""How far the groups' means may rise otherwise than the column does."""
EXTREME = 0.4
"""Share of the groups whose largest (or smallest) answer the column gives exactly; with 64 % of the rows there, it is
64 % by construction."""


def aggregates(train: Dataset, n_all: int, sample: Sample, without: set[str]) -> dict[str, str]:
    """Numeric columns that are the mean, the largest or the smallest target of their group; `n_all` rows were split."""
    found: dict[str, str] = {}
    goal = sample.target
    positives = goal.classes[-1:] if goal.problem == "binary" else goal.classes
    answers = [pl.col(goal.name)] if goal.problem == "regression" else [pl.col(goal.name) == name for name in positives]
    for values in sample.train.iter_columns():
        if values.name in without or not values.dtype.is_float() or not _may_be(values, sample):
            continue
        for answer in answers:
            groups = _groups(train, values.name, answer.cast(pl.Float64))
            if _is_mean(groups, len(values), train.n_rows / n_all):
                found[values.name] = "leaks the target: it is the target's mean over a group, the row itself included"
            elif goal.problem == "regression" and (extreme := _is_extreme(groups)):
                found[values.name] = f"leaks the target: {extreme}"
    return found


def _may_be(values: pl.Series, sample: Sample) -> bool:
    """Whether the values come again, and lie where the target's do: most columns need no look at all rows."""
    n_present = len(values) - values.null_count()
    if not GROUPS <= sample.n_different[values.name] <= 0.7 * n_present or n_present < 0.5 * len(values):
        return False
    present = numbers(values.drop_nulls())
    low, high = (sample.values.min(), sample.values.max()) if sample.target.problem == "regression" else (0.0, 1.0)
    # The largest answer of all may not be among the training rows.
    return float(((present >= low) & (present <= high)).mean()) > 0.95


def _groups(train: Dataset, column: str, answer: pl.Expr) -> pl.DataFrame:
    lazy = store.scan(train).select(value=pl.col(column).cast(pl.Float64), answer=answer)
    lazy = lazy.filter(pl.col("value").is_finite()).group_by("value")
    figures = lazy.agg(
        n=pl.len(),
        mean=pl.col("answer").mean(),
        variance=pl.col("answer").var(),
        least=pl.col("answer").min(),
        most=pl.col("answer").max(),
    )
    return figures.filter(pl.col("n") > 1).sort("value").collect()


def _is_mean(groups: pl.DataFrame, n_rows: int, trained: float) -> bool:
    n, value, mean = (groups[name].to_numpy().astype(np.float64) for name in ("n", "value", "mean"))
    if len(n) < GROUPS or n.sum() < 0.3 * n_rows or not value.std():
        return False
    away = value - np.average(value, weights=n)
    slope = float((n * away * mean).sum() / (n * away**2).sum())
    within = float((groups["variance"].to_numpy() * (n - 1)).sum() / (n - 1).sum())
    strayed = float((n * (mean - value) ** 2).mean())
    # A column whose values lie close together around the target's mean strays little too, but has no slope of 1.
    between = float((n * away**2).mean())
    return abs(slope - 1) < SLOPE and between > strayed and strayed <= SPREAD * (1 - trained) * within + 1e-9 * between


def _is_extreme(groups: pl.DataFrame) -> str:
    # Where the answers of a group are one and the same, each of them is the largest.
    spread = groups.filter(pl.col("least") < pl.col("most"))
    for name, beyond, what in (("most", "above", "largest"), ("least", "below", "smallest")):
        if len(spread) < GROUPS:
            continue
        share = int((spread[name] == spread["value"]).sum()) / len(spread)
        outside = (spread["most"] > spread["value"]) if beyond == "above" else (spread["least"] < spread["value"])
        if share >= EXTREME and not outside.any():
            return f"it is the {what} target of its group, exactly so in {percent(share)} of the groups"
    return ""
