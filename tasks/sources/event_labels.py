"""A file of labels beside a log: whose they are, and perhaps from when on they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.nearest import perhaps
from tasks.core.records import Record
from tasks.sources.csv import Csv
from tasks.sources.event_quarantine import MOST_SHOWN
from tasks.sources.event_sql import moment
from tasks.sources.files import Place, listed, title
from tasks.sources.layout import layout_of
from tasks.sources.parquet import Parquet

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


class LabelledBy(Record):
    """A CSV or Parquet file of labels: its columns of the entity, the label, and perhaps the point."""

    path: Place
    entity: str
    label: str
    at: str | None = None


def read(connection: DuckDBPyConnection, labels: LabelledBy, intake: Intake) -> None:
    """Make the table `labels` of texts; what has no entity or no readable time goes into quarantine."""
    import pyarrow as pa

    stream = _texts(labels)
    first = next(stream, None)
    if first is None:
        raise DataError(f"{title(labels.path)} has no rows", expected="a label a row", action="Check what wrote it")

    def batches() -> Iterator[pa.RecordBatch]:
        yield first
        yield from stream

    reader = pa.RecordBatchReader.from_batches(first.schema, batches())
    connection.register("labels_file", reader)
    when = moment("asked") if labels.at else "NULL::BIGINT"
    unreadable = "WHEN moment IS NULL THEN 'a label at no readable time'" if labels.at else ""
    connection.execute(
        f"""
        CREATE TABLE labels AS
        SELECT *, CASE WHEN coalesce(entity, '') = '' THEN 'a label of no entity' {unreadable} END AS reason
        FROM (SELECT entity, asked, {when} AS moment, label FROM labels_file)
        """
    )
    connection.unregister("labels_file")
    told: Counter[str] = Counter()
    broken = "FROM labels WHERE reason IS NOT NULL"
    for reason, *values in connection.execute(
        f"SELECT reason, entity, asked, label {broken} ORDER BY ALL LIMIT {MOST_SHOWN}"
    ).fetchall():
        intake.reject(title(labels.path), reason, ", ".join(str(value) for value in values))
        told[reason] += 1
    for reason, n in connection.execute(f"SELECT reason, count(*) {broken} GROUP BY reason ORDER BY ALL").fetchall():
        if n > told[reason]:
            intake.reject(f"{title(labels.path)}, others", reason, n_items=n - told[reason])
    connection.execute("DELETE FROM labels WHERE reason IS NOT NULL")


def _texts(labels: LabelledBy) -> Iterator[pa.RecordBatch]:
    """The columns `entity`, `asked` and `label` of the file, all as text: the entity 007 is not 7."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"entity": labels.entity, "asked": labels.at or labels.entity, "label": labels.label}
    wanted = tuple(dict.fromkeys(columns.values()))
    with TemporaryDirectory() as folder:
        [file, *_] = listed(labels.path, (".csv", ".parquet"), Path(folder))
        file.fetch()
        parquet = labels.path.endswith(".parquet")
        names = pq.read_schema(file.path).names if parquet else layout_of(file, None, None, None).names
        if absent := [name for name in wanted if name not in names]:
            action = perhaps(absent[0], names, f"The columns are {', '.join(names[:10])}")
            raise DataError(f"{title(labels.path)} has no column {absent[0]!r}", action=action)
        source = Parquet(path=str(file.path)) if parquet else Csv(path=str(file.path), text=wanted)
        for batch in source.batches(Intake()):
            texts = {key: batch.column(name).cast(pa.string()) for key, name in columns.items()}
            yield pa.RecordBatch.from_pydict(texts)
