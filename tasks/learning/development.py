"""The rows that models are developed on, as arrays: who is fitted on what, and which rows judge the fit.

Every development row is scored by a model that did not see it: training rows by cross-validation, the validation
rows by a model of all training rows. With a time column the folds are in time, and each is scored by the rows before
it alone. Many rows need no folds: the validation rows alone say enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import progress, store
from tasks.core.records import Dataset, Feature, Problem, Splits, Target
from tasks.core.splits import BEFORE_GAP
from tasks.modalities import MODALITIES, reading
from tasks.modalities.front import behind, front
from tasks.modalities.matrix import matrix, width
from tasks.modalities.modality import Wants
from tasks.scoring import inputs

if TYPE_CHECKING:
    import polars as pl

Array = np.ndarray

CROSS_VALIDATED_ROWS = 100_000
"""Beyond so many training rows the error of a single validation set is small beside the time of five more fits."""

SEEN_BYTES = 1_000_000_000
"""Of matrices behind a front that are kept; large ones are made again for each trial."""

WIDE_ROWS = 512
"""Images and sounds that are in memory at a time."""

SEARCHED_ROWS = 250_000
"""Most rows that a trial is fitted on: a ranking of models hardly moves with more, and the time grows."""


@dataclass(frozen=True)
class Round:
    """Row numbers to fit on, and row numbers to score."""

    fit: Array
    score: Array


@dataclass(frozen=True)
class Seen:
    """A matrix as a family wants it: through the fitted `front`, which is None where there is nothing to do."""

    x: Array
    front: Any
    features: tuple[Feature, ...]


@dataclass(frozen=True)
class Development:
    """Training rows, then validation rows, and the rounds in which models are fitted and scored."""

    x: Array
    y: Array
    n_train: int
    features: tuple[Feature, ...]
    target: Target
    rounds: tuple[Round, ...]
    n_rows: int
    """All rows of training and validation, of which `x` may be a sample."""
    in_time: bool = False
    """Whether the rows are split by time."""
    _seen: dict[tuple[Wants, int], Seen] = field(default_factory=dict[tuple[Wants, int], "Seen"])

    @property
    def problem(self) -> Problem:
        return self.target.problem

    @property
    def n_outputs(self) -> int:
        """The width of an answer: classes, or 1."""
        return max(1, len(self.target.classes))

    def seen(self, wants: Wants, rows: Array, seed: int) -> Seen:
        """All rows through a front that is fitted on `rows` alone; fitted once for rows that come again."""
        unfitted = front(self.features, wants, self.problem, seed)
        if unfitted is None:
            return Seen(self.x, None, self.features)
        key = (wants, hash(rows.tobytes()))
        if (found := self._seen.get(key)) is None:
            learned = unfitted.fit_transform(self.x[rows], self.y[rows])
            x, features = unfitted.transform(self.x), behind(self.features, unfitted)
            # No row that is fitted on is encoded by its own target; the rest is, to the bit, what will be served.
            crossed = np.array([i for i, each in enumerate(features) if each.treatment.encode == "target"], dtype=int)
            x[np.ix_(rows, crossed)] = learned[:, crossed]
            for oldest in list(self._seen)[: max(0, len(self._seen) + 1 - SEEN_BYTES // max(x.nbytes, 1))]:
                self._seen.pop(oldest, None)
            return self._seen.setdefault(key, Seen(x, unfitted, features))
        return found

    @property
    def scored(self) -> Array:
        """The numbers of the rows that some round scores, in the order of the rounds."""
        return np.concatenate([turn.score for turn in self.rounds])


def load(splits: Splits, most_rows: int | None = SEARCHED_ROWS) -> Development:
    """The rows of training and validation; of training rows about `most_rows`, chosen by their stable hash."""
    train, validation = rows_of(splits, splits.train, most_rows), rows_of(splits, splits.validation)
    x = np.concatenate([train[0], validation[0]])
    y = np.concatenate([train[1], validation[1]])
    n_rows = splits.train.n_rows + splits.validation.n_rows
    in_time = splits.time_column is not None
    rounds = _rounds(train[2], len(validation[1]), in_time=in_time)
    return Development(x, y, len(train[1]), splits.features, splits.target, rounds, n_rows, in_time)


def with_test(data: Development, splits: Splits) -> Development:
    """The same, and the test rows behind them: to be fitted on, once they were asked for the last time."""
    x, y, _ = rows_of(splits, splits.test)
    return replace(data, x=np.concatenate([data.x, x]), y=np.concatenate([data.y, y]), _seen={})


def rows_of(splits: Splits, part: Dataset, most_rows: int | None = None) -> tuple[Array, Array, Array]:
    """Matrix, target and fold of each row of one split."""
    rows = _chosen(part, most_rows)
    columns = [feature.name for feature in splits.features if feature.kind not in MODALITIES]
    frame = rows.select(*dict.fromkeys((*columns, splits.target.name, "__row__", "__fold__"))).collect()
    folds = frame["__fold__"].fill_null(0).to_numpy()
    return _matrix(splits, part, frame), answers(frame[splits.target.name], splits.target), folds


def hashes(splits: Splits, most_rows: int | None = SEARCHED_ROWS) -> Array:
    """The hash of each row that `load` gives, in its order."""
    return column(splits, "__row__", most_rows).to_numpy()


def column(splits: Splits, name: str, most_rows: int | None = SEARCHED_ROWS, *, test: bool = False) -> pl.Series:
    """A column of the rows that `load` gives, in its order, and with `test` of those behind them."""
    import polars as pl

    parts = [_chosen(splits.train, most_rows), *map(store.scan, [splits.validation, *([splits.test] if test else [])])]
    return pl.concat(rows.select(name).collect()[name] for rows in parts)


def _chosen(part: Dataset, most_rows: int | None) -> pl.LazyFrame:
    """All rows of a split, or about so many of them."""
    import polars as pl

    rows = store.scan(part)
    if most_rows is None or part.n_rows <= most_rows:
        return rows
    # Bits of the row's hash that neither the split nor the folds are cut by.
    return rows.filter((pl.col("__row__") // 65_536) % 9_973 < int(9_973 * most_rows / part.n_rows))


def _matrix(splits: Splits, part: Dataset, frame: pl.DataFrame) -> Array:
    """The matrix of the frame's rows, which are some or all of the part's, in its order.

    What is wide is large before it is seen: texts, images and sounds are read a few at a time.
    """
    import polars as pl

    if all(feature.kind not in MODALITIES for feature in splits.features):
        return matrix(frame, splits.features)
    x = np.empty((frame.height, width(splits.features)))
    wide = [feature.name for feature in splits.features if feature.kind in MODALITIES]
    at = 0
    for batch in store.batches(part, [*wide, "__row__"], WIDE_ROWS):
        values = pl.DataFrame(batch)
        if frame.height < part.n_rows:
            values = values.filter(pl.col("__row__").is_in(frame["__row__"].implode()))
        rows = slice(at, at + values.height)
        x[rows] = matrix(frame[rows].hstack(values.select(wide)), splits.features)
        at = rows.stop
        progress.advance("read", f"{', '.join(wide)}", at, frame.height)
    return x


def answers(column: pl.Series, target: Target) -> Array:
    """The target as the models learn it: class codes 0..k-1, or float64."""
    import polars as pl

    if target.problem == "regression":
        return column.cast(pl.Float64).to_numpy()
    codes = {name: code for code, name in enumerate(target.classes)}
    return column.cast(pl.String).replace_strict(codes, return_dtype=pl.Int64).to_numpy()


def samples(splits: Splits, n_rows: int) -> tuple[str, ...]:
    """A few training rows, from all over the split, as JSON objects of the raw input columns."""
    names = [column.name for column in splits.inputs]
    rows = store.scan(splits.train).select(names).gather_every(max(1, splits.train.n_rows // n_rows)).head(n_rows)
    frame = rows.collect()
    for column in splits.inputs:
        if modality := reading(column.type):
            frame = frame.with_columns(modality.sample(frame[column.name]))
    return inputs.as_json(frame)


def _rounds(folds: Array, n_validation: int, *, in_time: bool) -> tuple[Round, ...]:
    n_train = len(folds)
    last = Round(np.arange(n_train), np.arange(n_train, n_train + n_validation))
    before_gap = folds >= BEFORE_GAP
    folds = folds % BEFORE_GAP
    names = np.unique(folds)
    if n_train > CROSS_VALIDATED_ROWS or len(names) < 2:
        return (last,)
    if in_time:
        turns = [
            Round(np.flatnonzero((folds < name) & ~(before_gap & (folds == last_name))), np.flatnonzero(folds == name))
            for last_name, name in pairwise(names)
        ]
    else:
        turns = [Round(np.flatnonzero(folds != name), np.flatnonzero(folds == name)) for name in names]
    return (*turns, last) if n_validation else tuple(turns)
