"""Rows as an Arrow stream or file, answered by a JSON list or, if the request accepts it, by an Arrow stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.model_records import ModelCard
from tasks.serving import bulk, frames
from tasks.serving.bodies import Scope, header
from tasks.serving.bulk import Answered
from tasks.serving.model import Model
from tasks.serving.readers import ipc
from tasks.serving.readers.columns import MOST_DECODED, frame_of, malformed
from tasks.serving.readers.reader import Answer, Described, Reader
from tasks.serving.service import Service

if TYPE_CHECKING:
    import pyarrow as pa

STREAM = "application/vnd.apache.arrow.stream"
FILE = "application/vnd.apache.arrow.file"
MAX_BODY = 64 * 2**20


def reader(decoded: Callable[[bytes], pa.Table], described: Described) -> Reader:
    """A reader of bodies that hold columns."""
    return Reader(_answer(decoded), described, MAX_BODY)


def described(what: str) -> Described:
    """The OpenAPI media type of such bodies."""

    def media_type(card: ModelCard, key: Sequence[str]) -> dict[str, Any]:
        columns = ", ".join(f"{column.name} ({column.type})" for column in card.inputs)
        told = f"{what} with the columns {columns}; at most {frames.MOST_ROWS:,} rows"
        return {"schema": {"type": "string", "format": "binary", "description": told}}

    return media_type


def _answer(decoded: Callable[[bytes], pa.Table]) -> Answer:
    def read(body: bytes, model: Model) -> frames.Rows:
        return frames.read(frame_of(decoded(body)), model)

    async def answer(service: Service, body: bytes, scope: Scope, started: int) -> tuple[bytes, str]:
        found = await bulk.answered(service.champion, lambda model: read(body, model), started)
        if STREAM.encode() in (header(scope, b"accept") or b"").lower():
            return await bulk.in_thread(lambda: as_stream(found)), STREAM
        return await bulk.in_thread(found.as_json), "application/json"

    return answer


def as_stream(answered: Answered) -> bytes:
    """The answers as an Arrow stream: `id`, `prediction`, `probability_<class>`, and `warnings` if there may be any.

    Which model answered is in the schema's metadata: `model`, `version`, `digest`.
    """
    import pyarrow as pa

    identity, classes, outputs = answered.model.identity, answered.model.card.target.classes, answered.outputs
    columns: dict[str, Any] = {
        "id": pa.array(answered.ids, pa.string()),
        "prediction": pa.array(answered.labels, pa.string() if classes else pa.float64()),
    }
    for place, name in enumerate(classes):
        columns[f"probability_{name}"] = pa.array(outputs[:, place])
    if (warnings := answered.warnings) is not None:
        columns["warnings"] = pa.array(warnings, pa.list_(pa.string()))
    told = {"model": identity.name, "version": identity.version, "digest": identity.digest}
    table = pa.table(columns).replace_schema_metadata(told)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def _stream(body: bytes) -> pa.Table:
    import pyarrow as pa

    with malformed("an Arrow stream"):
        ipc.check(ipc.of_stream(body), frames.check_number, MOST_DECODED)
        return pa.ipc.open_stream(body).read_all()


def _file(body: bytes) -> pa.Table:
    import pyarrow as pa

    with malformed("an Arrow file"):
        ipc.check(ipc.of_file(body), frames.check_number, MOST_DECODED)
        return pa.ipc.open_file(body).read_all()


READERS = {
    STREAM: reader(_stream, described("An Arrow IPC stream")),
    FILE: reader(_file, described("An Arrow IPC file, as Feather writes it")),
}
