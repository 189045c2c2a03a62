"""Broken rows parted from the others: they lie in a Parquet file, each with its number and the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tasks.core import arrow, cells, store
from tasks.core.findings import Finding, rejects
from tasks.core.records import Blob, Dataset, Part

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

ROW_NUMBER = "__row_number__"


def isolate(dataset: Dataset, findings: Sequence[Finding]) -> tuple[Blob | None, int]:
    """All rows that are to blame, as they came, with `__row_number__` and `reason`; None when there are none."""
    import numpy as np
    import polars as pl
    import pyarrow.parquet as pq

    broken = np.zeros(dataset.n_rows, dtype=np.bool_)
    for finding in findings:
        if finding.broke is not None:
            broken |= finding.broke
    if not broken.any():
        return None, 0
    cleaning = cells.Cleaning.of(dataset)
    number, reason = _free_name(ROW_NUMBER, dataset), _free_name("reason", dataset)
    with store.writing(".parquet") as pending, ExitStack() as opened:
        writer: pq.ParquetWriter | None = None
        n_done = 0
        for part in dataset.parts:
            if not broken[n_done : n_done + part.n_rows].any():
                n_done += part.n_rows
                continue
            for batch in _batches(dataset, part):
                at = np.flatnonzero(broken[n_done : n_done + batch.num_rows])
                rows = pl.DataFrame(batch)[at]
                why = _reasons(rows, findings, cleaning, at + n_done)
                table = rows.with_columns(pl.Series(number, at + n_done), why.alias(reason)).to_arrow()
                if writer is None:
                    writer = opened.enter_context(pq.ParquetWriter(pending.file, table.schema, compression="zstd"))  # pyright: ignore
                writer.write_table(table)
                n_done += batch.num_rows
        opened.close()
        return pending.keep(), int(broken.sum())


def _free_name(name: str, dataset: Dataset) -> str:
    """A column of the data may be called so; it keeps its name."""
    taken = {column.name for column in dataset.columns}
    while name in taken:
        name = f"__{name}__"
    return name


def _reasons(
    rows: pl.DataFrame, findings: Sequence[Finding], cleaning: cells.Cleaning, at: NDArray[np.intp]
) -> pl.Series:
    """For each row all that it broke, like `age: expected a number, found 'abc'; …`."""
    import polars as pl

    clean = cleaning.of_rows(rows)
    each: list[pl.Series] = []
    for finding in findings:
        if finding.broke is None:
            continue
        blamed = pl.Series(finding.broke[at])
        frame = (rows if isinstance(finding.expectation, cells.Meant) else clean).filter(blamed)
        found = cells.found(frame, finding.expectation)
        text = found.to_frame("found").select(pl.format("{}, found {}", pl.lit(finding.expectation.claim), "found"))
        why = pl.Series(str(len(each)), [None] * rows.height, dtype=pl.String)
        each.append(why.scatter(blamed.arg_true(), text.to_series()))
    return pl.DataFrame(each).select(pl.concat_str(pl.all(), separator="; ", ignore_nulls=True)).to_series()


def without(dataset: Dataset, findings: Sequence[Finding]) -> Dataset:
    """The rows that were not rejected, clean: numbers for texts, nothing for markers; a part without either stays."""
    rejected = rejects(findings, dataset.n_rows)
    cleaning = cells.Cleaning.of(dataset)
    if not cleaning.changes and not rejected.any():
        return dataset
    missing = {column.name: column.n_missing for column in dataset.columns}
    parts: list[Part] = []
    n_done = 0
    for part in dataset.parts:
        here = rejected[n_done : n_done + part.n_rows]
        if cleaning.changes or here.any():
            parts.extend(_rewritten(dataset, part, here, cleaning, missing))
        else:
            parts.append(part)
        n_done += part.n_rows
    columns = tuple(one.model_copy(update={"n_missing": missing[one.name]}) for one in dataset.columns)
    kept = store.dataset(dataset.name, tuple(part for part in parts if part.n_rows), columns)
    return kept.model_copy(update={"notes": dataset.notes})


def _rewritten(
    dataset: Dataset, part: Part, rejected: NDArray[np.bool_], cleaning: cells.Cleaning, missing: dict[str, int]
) -> tuple[Part, ...]:
    """The part less the rejected rows; `missing` follows what goes and what becomes null."""
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    stored = pq.read_schema(store.path(part.blob))
    schema = pa.schema([pa.field(one.name, pa.float64()) if one.name in cleaning.numbers else one for one in stored])

    def kept() -> Iterator[pa.RecordBatch]:
        n_done = 0
        for batch in _batches(dataset, part):
            rows = pl.DataFrame(batch)
            left = cleaning.of_rows(rows).filter(pl.Series(~rejected[n_done : n_done + batch.num_rows]))
            n_done += batch.num_rows
            for name in missing:
                missing[name] += left[name].null_count() - rows[name].null_count()
            yield from left.to_arrow().cast(schema).to_batches()

    return store.put_parts(arrow.grouped(kept(), schema), schema)


def _batches(dataset: Dataset, part: Part) -> Iterator[pa.RecordBatch]:
    names = [column.name for column in dataset.columns]
    one = dataset.model_copy(update={"parts": (part,)})
    return store.batches(one, rows=cells.rows_at_once(dataset, names, arrow.GROUP_ROWS))
