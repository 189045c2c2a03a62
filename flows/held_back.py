"""The rows that the newest check held back, as they came, each with its name and the rules that it broke."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.core import released, store
from tasks.core.records import FailedExpectation, QualityReport
from tasks.outputs.formats import Frames

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Row:
    """One row of the quarantine: its name, its number in the data, what it broke, and its values."""

    name: str
    number: int
    reason: str
    rules: tuple[FailedExpectation, ...]
    values: dict[str, Any]

    @property
    def unmended(self) -> FailedExpectation | None:
        """The rule that no release mends, if it broke one."""
        return next((rule for rule in self.rules if rule.expectation in released.TYPE_ERRORS), None)


def broken(report: QualityReport) -> list[FailedExpectation]:
    """The rules because of which rows are held back."""
    return [rule for rule in report.failed if rule.severity != "warn" and rule.n_rows]


def _frames(report: QualityReport) -> Iterator[tuple[list[str], pl.DataFrame]]:
    """The rows as they came, some at a time, with their names; the last two columns are their numbers and reasons."""
    import polars as pl
    import pyarrow.parquet as pq

    if report.quarantined is None:
        return
    with pq.ParquetFile(store.path(report.quarantined)) as file:
        for batch in file.iter_batches(batch_size=10_000):
            yield released.keys(batch.select(batch.column_names[:-2])), pl.DataFrame(batch)


def rows(report: QualityReport) -> Iterator[Row]:
    rules = broken(report)
    for names, frame in _frames(report):
        for name, values in zip(names, frame.iter_rows(), strict=True):
            *cells, number, reason = values
            broke = tuple(rule for rule in rules if rule.claim and f"{rule.claim}, found " in reason)
            yield Row(name, number, reason, broke, dict(zip(frame.columns[:-2], cells, strict=True)))


def exported(report: QualityReport) -> Frames:
    """All rows with their names and reasons; what the source made no row of has `__where__` and `__content__`."""
    import polars as pl

    left_out = pl.read_parquet(store.path(report.rejected.rows)) if report.rejected else None
    extra = {"__where__": pl.String, "__content__": pl.Binary} if left_out is not None else {}
    n_frames = 0
    schema: dict[str, Any] = {}
    for names, frame in _frames(report):
        named = frame.with_columns(pl.Series("__row__", names))
        schema, n_frames = dict(named.schema), n_frames + 1
        yield _writable(named.with_columns(pl.lit(None, kind).alias(name) for name, kind in extra.items()))
    if left_out is None:
        return
    told = left_out.rename({"where": "__where__", "content": "__content__"})
    if n_frames:
        reason = list(schema)[-2]
        told = told.rename({"reason": reason}).with_columns(
            pl.lit(None, kind).alias(name) for name, kind in schema.items() if name != reason
        )
        told = told.select(*schema, *extra)
    yield _writable(told)


def _writable(frame: pl.DataFrame) -> pl.DataFrame:
    """Bytes as base64 text, which every format can hold."""
    import polars as pl

    return frame.with_columns(pl.selectors.binary().bin.encode("base64"))
