"""What the test rows say of a model: what it answered, right and wrong by class, against baseline and champion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.measures import METRICS
from tasks.core.metrics import compare
from tasks.core.model_records import ClassMetrics, Comparison, Importance, ModelCard
from tasks.core.records import Blob, Dataset, Feature, Problem, Splits, Target
from tasks.core.weighted import Array, Rows, labels
from tasks.modalities.matrix import matrix, spans, width
from tasks.scoring.scorer import Scorer

CELLS_AT_ONCE = 4_000_000
"""Cells of the test rows that are held at a time, so that memory does not grow with their number."""
MOST_CLASSES = 200
"""Beyond, a confusion matrix is nothing that a person reads, and it grows with the square."""


@dataclass(frozen=True)
class Answered:
    """The test rows and what the model answered: `y` are class codes or values, `matrix` the features to slice by."""

    ids: npt.NDArray[np.uint64]
    y: Rows
    matrix: Array
    predicted: Rows


def answered(splits: Splits, scorer: Scorer, kept: Sequence[int]) -> Answered:
    """The test split asked for the first time; of the matrix the columns of the `kept` features."""
    card = scorer.card
    parts: list[tuple[Rows, Rows, Array, Rows]] = []
    names = [feature.name for feature in card.features]
    places = spans(card.features)
    columns = [place for index in kept for place in range(places[index].start, places[index].stop)]
    n_rows = max(256, CELLS_AT_ONCE // max(1, width(card.features)))
    for frame in frames(splits.test, ["__row__", card.target.name, *names], n_rows):
        x = matrix(frame, card.features)
        y = truth(frame[card.target.name], card.target)
        parts.append((frame["__row__"].to_numpy(), y, x[:, columns], scorer.ask(x)))
    if not parts:
        raise DataError("The test rows are none", expected="at least one", action="Bring more rows")
    return Answered(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def frames(dataset: Dataset, columns: Sequence[str], n_rows: int) -> Iterator[pl.DataFrame]:
    """These columns of the rows, so many rows at a time."""
    for batch in store.batches(dataset, list(dict.fromkeys(columns)), n_rows):
        yield pl.DataFrame(batch)


def truth(column: pl.Series, target: Target) -> Rows:
    """The target as class codes in the order of `target.classes`, or as floats."""
    if target.problem == "regression":
        return column.cast(pl.Float64).to_numpy()
    codes = {name: code for code, name in enumerate(target.classes)}
    found = column.cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Int64)
    if found.null_count():
        raise DataError(
            f"Target {target.name!r} of the test rows",
            expected=f"one of {', '.join(target.classes[:20])}",
            found=repr(column.filter(found.is_null())[0]),
        )
    return found.to_numpy()


def metrics_of(problem: Problem, deciding: str) -> tuple[str, ...]:
    """Every metric that speaks of such a problem, the deciding one first."""
    return deciding, *(name for name, each in METRICS.items() if problem in each.problems and name != deciding)


def confusion(test: Answered, card: ModelCard) -> tuple[tuple[int, ...], ...]:
    """Rows by true class (first) and answered class; empty for values."""
    k = len(card.target.classes)
    if not k:
        return ()
    cells = np.bincount(test.y.astype(np.intp) * k + labels(test.predicted, card.threshold), minlength=k * k)
    return tuple(tuple(int(count) for count in row) for row in cells.reshape(k, k))


def per_class(confused: tuple[tuple[int, ...], ...], classes: Sequence[str]) -> tuple[ClassMetrics, ...]:
    """Precision, recall and F1 of each class; 0 where there is nothing to divide by."""

    def of(index: int, name: str) -> ClassMetrics:
        hit, n_rows = confused[index][index], sum(confused[index])
        n_chosen = sum(row[index] for row in confused)
        return ClassMetrics(
            name=name,
            n_rows=n_rows,
            precision=hit / max(n_chosen, 1),
            recall=hit / max(n_rows, 1),
            f1=2 * hit / max(n_rows + n_chosen, 1),
        )

    return tuple(of(index, name) for index, name in enumerate(classes))


def against_baseline(metric: str, test: Answered, splits: Splits, seed: int, threshold: float) -> Comparison:
    """Against the training rows' class shares, or their mean, given as the answer to every row."""
    target, column = splits.target, pl.col(splits.target.name)
    train = store.scan(splits.train)
    if target.problem == "regression":
        mean: float = train.select(column.cast(pl.Float64).mean()).collect().item()
        constant = np.full(len(test.y), mean)
    else:
        found = truth(train.select(column).collect()[target.name], target)
        shares = np.bincount(found, minlength=len(target.classes)) / len(found)
        constant = np.tile(shares, (len(test.y), 1))
    return compare(metric, test.y, test.predicted, constant, seed, thresholds=(threshold, threshold))


def most_important(importances: Sequence[Importance], features: Sequence[Feature], n_most: int) -> list[int]:
    """The indexes of the most important features of one column, in their order in the matrix."""
    worth = {each.feature: each.value for each in importances}
    single = [index for index, feature in enumerate(features) if feature.width == 1]
    ranked = sorted(single, key=lambda index: -worth.get(features[index].name, 0.0))
    return sorted(ranked[:n_most])


def predictions(test: Answered, card: ModelCard) -> Blob:
    """What was answered for each test row, as a Parquet file."""
    columns: dict[str, object] = {"__row__": test.ids}
    if card.target.problem == "regression":
        return store.put_table(pl.DataFrame({**columns, "target": test.y, "prediction": test.predicted}))
    classes = np.array(card.target.classes, dtype=object)
    columns["target"] = classes[test.y.astype(np.intp)].tolist()
    columns["prediction"] = classes[labels(test.predicted, card.threshold)].tolist()
    columns |= {f"p_{name}": test.predicted[:, code] for code, name in enumerate(card.target.classes)}
    return store.put_table(pl.DataFrame(columns))
