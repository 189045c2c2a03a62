"""One look at all rows: what of each column can be counted while they stream by, and some rows to look at closer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tasks.core import cells, loading
from tasks.core.records import BYTES, Column, Dataset
from tasks.profiling.figures import ColumnFigures, Value
from tasks.profiling.moments import Moments
from tasks.profiling.rounding import round_numbers
from tasks.profiling.runs import RunLengths
from tasks.profiling.shapes import damage, shapes
from tasks.profiling.spreads import spread

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

BATCH_ROWS = 131_072
LOOKED_AT = 50_000
"""Rows that are looked at closer, spread over all of them: their shares are known to a fifth of a percent."""
COUNTED = 1_000
"""Different values that are counted one by one; a column of more is no set."""
COMMON = 100
"""Of them, those that are kept."""


class Look:
    """What is known of one column so far."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.n = self.n_missing = 0
        self.moments = Moments()
        self.counts: Counter[Value] | None = Counter()
        self.runs = RunLengths() if column.type in ("integer", "number") else None
        self._last: Any = None
        self._rises = self._rises_strictly = column.type in ("integer", "number", "date")

    def add(self, values: pl.Series) -> None:
        """Take the column's next values into account."""
        import polars as pl

        self.n += len(values)
        self.n_missing += values.null_count()
        if self.runs is not None:
            self.runs.add(values)
        present = values.drop_nulls()
        if not len(present):
            return
        if self.column.type != "boolean":
            self.moments.add(numbers(present))
        if self.counts is not None:
            for value, n_rows in present.value_counts().iter_rows():
                self.counts[value] += n_rows
            self.counts = None if len(self.counts) > COUNTED else self.counts
        if self._rises:
            before = (
                present if self._last is None else pl.concat([pl.Series([self._last], dtype=present.dtype), present])
            )
            self._rises = bool((before[1:] >= before[:-1]).all())
            self._rises_strictly = self._rises_strictly and self._rises and bool((before[1:] > before[:-1]).all())
            self._last = present[-1]

    def figures(self, some: pl.Series) -> ColumnFigures:
        """The figures, with those that follow from `some` of the values."""
        import polars as pl

        present = some.drop_nulls()
        kind = self.column.type
        whole = len(some) == self.n
        found: Counter[Any] = Counter(dict(present.value_counts().iter_rows()))
        counts = found if self.counts is None else self.counts
        n_times: Counter[int] = Counter(counts.values())
        ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
        texts: list[str] = present.to_list() if present.dtype == pl.String else []
        rounds = round_numbers(numbers(present)) if kind in ("integer", "number") else ()
        measured = spread(self.moments, numbers(present)) if kind != "boolean" and len(present) else None
        return ColumnFigures(
            name=self.column.name,
            type=kind,
            n=self.n,
            n_missing=self.n_missing,
            distinct=len(counts),
            counted=self.counts is not None or whole,
            once=n_times[1],
            n_looked=self.n - self.n_missing if self.counts is not None else len(present),
            rarest=min(counts.values(), default=0),
            common=tuple((_plain(value), n_rows) for value, n_rows in ordered[:COMMON]),
            n_repeated=sum(times * n for times, n in n_times.items() if times > 1) if whole else None,
            order="strictly increasing" if self._rises_strictly else "increasing" if self._rises else "",
            runs=() if self.runs is None else self.runs.figures(),
            rounds=rounds,
            n_round=sum(counts.get(value, 0) for value in rounds),
            spread=None if texts else measured,
            lengths=measured if texts else None,
            shapes=shapes(texts),
            absent=damage(texts),
        )


def looked(dataset: Dataset) -> tuple[list[ColumnFigures], pl.DataFrame]:
    """The figures of every column, and the rows that were looked at closer (all, when they are few)."""
    import numpy as np
    import polars as pl

    from tasks.core.row_hash import mix

    looks = {column.name: Look(column) for column in dataset.columns}
    cleaning = cells.Cleaning.of(dataset)
    # Mixed positions, not every k-th row: rows may come in a rhythm.
    most = np.uint64((2**53 - 1) * min(1.0, LOOKED_AT / max(dataset.n_rows, 1)))
    # Bytes are only known to be there or not, which is counted already.
    names = [column.name for column in dataset.columns if column.type not in BYTES]
    some: list[pl.DataFrame] = []
    n_done = 0
    for frame in loading.frames(dataset, names, BATCH_ROWS) if names else ():
        rows = meant(frame, cleaning)
        for name in names:
            looks[name].add(rows[name])
        if dataset.n_rows <= LOOKED_AT:
            some.append(rows)
        else:
            at = mix(np.arange(n_done, n_done + frame.height, dtype=np.uint64))
            some.append(rows.filter(pl.Series(at >> np.uint64(11) <= most)))
        n_done += frame.height
    sample = pl.concat(some) if some else pl.DataFrame(schema=dict.fromkeys(names, pl.Null))
    return [
        looks[column.name].figures(sample[column.name])
        if column.name in names
        else ColumnFigures(name=column.name, type=column.type, n=dataset.n_rows, n_missing=column.n_missing)
        for column in dataset.columns
    ], sample


def meant(frame: pl.DataFrame, cleaning: cells.Cleaning) -> pl.DataFrame:
    """Rows as the expectations will see them: what stands for a missing value, NaN too, is none."""
    import polars as pl

    return cleaning.of_rows(frame).with_columns(pl.col(pl.Float64).fill_nan(None))


def numbers(present: pl.Series) -> NDArray[np.float64]:
    """Values as finite numbers: moments in seconds since 1970, texts by their lengths."""
    import numpy as np
    import polars as pl

    if present.dtype == pl.String:
        present = present.str.len_chars()
    elif present.dtype.is_temporal():
        present = present.cast(pl.Datetime("us")).dt.epoch("us") / 1e6
    values = present.cast(pl.Float64).to_numpy()
    return values[np.isfinite(values)]


def _plain(value: Any) -> Value:
    return value if isinstance(value, (str, int, float, bool)) else value.isoformat()
