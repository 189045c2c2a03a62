"""Rows enough to judge the data by: all of a small table, evenly scattered ones of a large one, always the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tasks.core import store
from tasks.core.records import Dataset, Splits
from tasks.core.row_hash import mix
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

    @property
    def features(self) -> list[str]:
        """The features that are one value a row."""
        return judged(self.splits)

    @property
    def scale(self) -> float:
        """How many rows stand behind each that is seen."""
        return self.n_rows / max(len(self.part), 1)

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
    """The column that rows are split by when it is by `by`: time or group."""
    rule: dict[str, Any] = json.loads(splits.rule or "{}")
    return rule["column"] if rule.get("by") == by else None


def glance(splits: Splits) -> Glance:
    """At most 50,000 rows, and 20,000,000 values; the same share of each split, whatever its order."""
    import polars as pl
    import pyarrow as pa

    group = split_column(splits, "group")
    names: list[str] = list(dict.fromkeys((*judged(splits), splits.target.name, "__row__", group or "__row__")))
    datasets: list[Dataset] = [getattr(splits, name) for name in PARTS]
    n_rows = sum(each.n_rows for each in datasets)
    most = min(MOST_ROWS, max(LEAST_SEEN, MOST_CELLS // len(names)))
    tables = [
        pa.Table.from_batches(_scattered(each, names, most / max(n_rows, 1)), _schema(each, names)) for each in datasets
    ]
    part = np.repeat(np.arange(len(PARTS)), [table.num_rows for table in tables])
    rows = pl.from_arrow(pa.concat_tables(tables))
    assert isinstance(rows, pl.DataFrame)
    return Glance(splits, rows, part, n_rows)


def _schema(dataset: Dataset, names: list[str]) -> Any:
    import pyarrow as pa

    found = store.schema(dataset)
    return pa.schema([found.field(name) for name in names])


def _scattered(dataset: Dataset, names: list[str], share: float) -> Iterator[Any]:
    import pyarrow as pa

    at = 0
    for batch in store.batches(dataset, names):
        # By the hash of the place: every so-maniest row would always be of the same hour in hourly rows.
        places = mix(np.arange(at + 1, at + batch.num_rows + 1, dtype=np.uint64))
        at += batch.num_rows
        batch = batch.select(names)
        yield batch if share >= 1 else batch.filter(pa.array(places < share * 2.0**64))
