"""What every source must do, whatever its kind; a new member of the union has to be given a writer here."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.collect import collect
from tasks.core import arrow, store
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.sources import Csv, Events, Http, Jsonl, Parquet, Source, Sql
from tasks.sources.media_folder import MediaFolder

pytestmark = pytest.mark.usefixtures("open_store")

OTHERS = (Events, MediaFolder)
"""What makes other rows than it reads: test_events.py and test_audio.py ask the same of them."""
KINDS: tuple[type[Any], ...] = tuple(kind for kind in get_args(get_args(Source)[0]) if not issubclass(kind, OTHERS))


def write_sqlite(frame: pl.DataFrame, path: Path) -> None:
    kinds = {pl.Int64: "integer", pl.Float64: "real", pl.Boolean: "boolean", pl.String: "text"}
    names = [name.replace('"', '""') for name in frame.columns]
    columns = ", ".join(f'"{name}" {kinds[kind]}' for name, kind in zip(names, frame.dtypes, strict=True))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"create table rows ({columns})")
        connection.executemany(f"insert into rows values ({', '.join('?' * frame.width)})", frame.rows())
        connection.commit()


WRITERS: dict[type[Any], Callable[[pl.DataFrame, Path], None]] = {
    Csv: pl.DataFrame.write_csv,
    Http: pl.DataFrame.write_json,
    Jsonl: pl.DataFrame.write_ndjson,
    Parquet: pl.DataFrame.write_parquet,
    Sql: write_sqlite,
}
FRAME = pl.DataFrame(
    {
        "total rooms": [1, None, 3],
        "größe": [0.5, 1.5, None],
        '日本 "so"': ["x", None, "é, y"],
        "flag": [True, None, False],
    }
)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


class Files(SimpleHTTPRequestHandler):
    """The folder of a test, for sources that have a URL and no path."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=tmp_path))
    monkeypatch.setenv("FILES", f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def path_of(kind: type[Any], folder: Path, stem: str = "rows") -> Path:
    return folder / f"{stem}.{kind.model_fields['kind'].default}"


def at(kind: type[Any], path: Path, **more: Any) -> Any:
    """The source of this kind whose rows are, or would be, in the file."""
    return kind(**({"path": path} if "path" in kind.model_fields else {"url": f"${{FILES}}/{path.name}"}), **more)


def written(kind: type[Any], frame: pl.DataFrame, folder: Path) -> Any:
    WRITERS[kind](frame, path_of(kind, folder))
    return at(kind, path_of(kind, folder))


@every_kind
def test_its_settings_do_not_survive_the_way_through_json(kind: type[Any], tmp_path: Path) -> None:
    source = at(kind, tmp_path / "rows")
    assert TypeAdapter(Source).validate_json(source.model_dump_json()) == source
    with pytest.raises(ValidationError):
        source.kind = "another"
    with pytest.raises(ValidationError):
        at(kind, tmp_path, misspelt=1)


@every_kind
def test_rows_change_on_the_way(kind: type[Any], tmp_path: Path) -> None:
    dataset = collect.fn(written(kind, FRAME, tmp_path))
    assert store.scan(dataset).collect().equals(FRAME)
    assert [(column.type, column.n_missing) for column in dataset.columns] == [
        *(("integer", 1), ("number", 1), ("text", 1), ("boolean", 1))
    ]


@every_kind
def test_equal_rows_of_another_kind_or_reading_have_another_digest(kind: type[Any], tmp_path: Path) -> None:
    source = written(kind, FRAME, tmp_path)
    assert collect.fn(source) == collect.fn(source) == collect.fn(written(Parquet, FRAME, tmp_path))


@every_kind
def test_batches_differ_in_schema_or_are_none_of_ours(kind: type[Any], tmp_path: Path) -> None:
    frame = pl.DataFrame({"i": range(300_000), "t": [f"text {i % 7}" for i in range(300_000)]})
    batches = list(written(kind, frame, tmp_path).batches(Intake()))
    schemas = {batch.schema.to_string() for batch in batches}
    assert len(schemas) == 1
    assert [arrow.column_type(field.type) for field in batches[0].schema] == ["integer", "text"]
    assert pa.Table.from_batches(batches)["i"].to_pylist() == frame["i"].to_list()


@every_kind
def test_what_is_not_there_is_a_traceback(kind: type[Any], tmp_path: Path) -> None:
    written(kind, FRAME, tmp_path)
    missing, path = path_of(kind, tmp_path, "row"), path_of(kind, tmp_path)
    with pytest.raises(DataError, match=missing.name):
        collect.fn(at(kind, missing))
    path.write_bytes(b"")
    with pytest.raises(DataError, match=path.name):
        collect.fn(at(kind, path))
