"""From the hash of a row in the splits back to the row that was read: its number, and all that was known of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tasks.core import store
from tasks.core.records import Dataset, Splits
from tasks.core.row_hash import Hashes, row_hashes
from tasks.core.targets import answers

if TYPE_CHECKING:
    import polars as pl

ROW = "__row_number__"
HASH = "__row__"


def located(dataset: Dataset, splits: Splits, wanted: Sequence[int], given: Sequence[str | float]) -> pl.DataFrame:
    """The first checked row of each hash and answer, in their order, where it is found.

    Columns: `at` (the place among the wanted), `__row_number__` (counted from 1), and the raw columns.
    """
    import polars as pl

    target = splits.target
    dtype = store.scan(dataset).collect_schema()[target.name]
    places, hashes = _places(dataset, splits, np.array(wanted, np.uint64))
    kind = pl.Float64 if target.problem == "regression" else pl.String
    asked = pl.DataFrame({HASH: wanted, "given": given}, schema={HASH: pl.UInt64, "given": kind}).with_row_index("at")
    rows = store.scan(dataset).with_row_index(ROW).filter(pl.col(ROW).is_in(places.tolist()))
    found = rows.collect(engine="streaming").sort(ROW)
    known = pl.DataFrame({ROW: places, HASH: hashes}, schema={ROW: found.schema[ROW], HASH: pl.UInt64})
    found = found.join(known, on=ROW, maintain_order="left").with_columns(
        given=answers(pl.col(target.name), dtype, target)
    )
    matched = asked.join(found, on=[HASH, "given"], maintain_order="left_right")
    return matched.unique("at", keep="first", maintain_order=True).drop(HASH, "given").with_columns(pl.col(ROW) + 1)


def _places(dataset: Dataset, splits: Splits, wanted: Hashes) -> tuple[npt.NDArray[np.int64], Hashes]:
    """Where rows of these hashes lie, and the hash of each; one pass."""
    rule = json.loads(splits.rule or "{}")
    # What names the part that a row is in is no part of its hash.
    no_input = {splits.target.name, rule.get("column") if rule.get("by") == "column" else None}
    kept = {name for name in store.schema(splits.train).names if name not in no_input}
    inputs = [name for name in store.schema(dataset).names if name in kept]
    seed = int(rule.get("seed", 0))
    places: list[npt.NDArray[np.int64]] = []
    hashes: list[Hashes] = []
    at = 0
    for batch in store.batches(dataset, inputs):
        here = row_hashes(batch, inputs, seed)
        hits = np.flatnonzero(np.isin(here, wanted))
        places.append(hits + at)
        hashes.append(here[hits])
        at += batch.num_rows
    return np.concatenate(places), np.concatenate(hashes)
