"""Rows enough to judge the data by: all of a small table, evenly scattered ones of a large one, always the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tasks.core import store
from tasks.core.records import Dataset, Splits
from tasks.examining.association import Numbers
from tasks.examining.codes import UNJUDGED

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS = 50_000
"""They tell shares to half a percent, which is finer than any limit here."""
MOST_CELLS = 20_000_000
"""With thousands of columns fewer rows are seen, so that time and memory stay."""
LEAST_SEEN = 2_000

TRAIN, VALIDATION, TEST = 0, 1, 2
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Glance:
    """Rows of all splits: the judged features, the target and what rows are split by; `part` says whose each is."""

    splits: Splits
    rows: pl.DataFrame
    part: npt.NDArray[np.int64]
    n_rows: int
    """Of the splits, seen or not."""

    @property
    def features(self) -> list[str]:
        """The features that are one value a row."""
        return judged(self.splits)

    @property
    def scale(self) -> float:
        """How many rows stand behind each that is seen."""
        return self.n_rows / max(len(self.part), 1)

    @cached_property
    def numbers(self) -> dict[str, Numbers]:
        """Each judged feature and the target as float64, missing as NaN; of texts their alphabetical places."""
        import polars as pl
        import polars.selectors as cs

        rows = self.rows.select(*self.features, self.splits.target.name)
        # All at once: a call a column takes ten times as long.
        rows = rows.select(cs.string().rank("dense") - 1, (~cs.string()).to_physical())
        rows = rows.select(pl.all().cast(pl.Float64).fill_null(float("nan")))
        return {each.name: each.to_numpy() for each in rows}

    @cached_property
    def levels(self) -> set[str]:
        """The columns of texts, whose numbers are places."""
        import polars as pl

        return {name for name, dtype in self.rows.schema.items() if dtype == pl.String}

    @cached_property
    def units(self) -> npt.NDArray[np.int64]:
        """Of rows that went the same way together, the first: one a group, and one of those with equal inputs."""
        by = split_column(self.splits, "group") or "__row__"
        values = self.rows[by].rank("dense").fill_null(0).to_numpy()
        return np.sort(np.unique(values, return_index=True)[1])


def judged(splits: Splits) -> list[str]:
    """The features that are one value a row."""
    return [each.name for each in splits.features if each.kind not in UNJUDGED]


def split_column(splits: Splits, by: str) -> str | None:
    """The column that rows are split by when it is by `by`: time or group; of several, the one that stands for them."""
    rule: dict[str, Any] = json.loads(splits.rule or "{}")
    if rule.get("by") != by:
        return None
    return rule["column"] if isinstance(rule["column"], str) else "__group__"


def glance(splits: Splits) -> Glance:
    """At most 50,000 rows, and 20,000,000 values; the same share of each split, whatever its order."""
    import polars as pl

    group = split_column(splits, "group")
    names: list[str] = list(dict.fromkeys((*judged(splits), splits.target.name, "__row__", group or "__row__")))
    datasets: list[Dataset] = [getattr(splits, name) for name in PARTS]
    n_rows = sum(each.n_rows for each in datasets)
    most = min(MOST_ROWS, max(LEAST_SEEN, MOST_CELLS // len(names)))
    frames = [_scattered(store.scan(each).select(names), most / max(n_rows, 1)).collect() for each in datasets]
    part = np.repeat(np.arange(len(PARTS)), [len(each) for each in frames])
    return Glance(splits, pl.concat(frames), part, n_rows)


def _scattered(rows: pl.LazyFrame, share: float) -> pl.LazyFrame:
    """This share of the rows, evenly among the places of any period: every hundredth could be always of one hour.

    The multiples of the golden ratio, modulo 1, fill every part of the unit interval alike (Weyl, 1916).
    """
    import polars as pl

    if share >= 1:
        return rows
    ratio, all_bits = pl.lit(0x9E3779B97F4A7C15, pl.UInt64), pl.lit(int(share * 2**64), pl.UInt64)
    numbered = rows.with_row_index("__place__")
    return numbered.filter(pl.col("__place__").cast(pl.UInt64) * ratio < all_bits).drop("__place__")
