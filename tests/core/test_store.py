"""What is in the store is whole, named by its content, and remembered only as long as it is all there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.core import memory, store
from tasks.core.errors import KeepfitError
from tasks.core.model_records import Report
from tasks.core.records import Blob, Record


class Note(Record):
    text: str
    pages: tuple[Report, ...] = ()


def leftovers(home: Path) -> list[Path]:
    return [path for path in home.rglob(".writing-*") if path.is_file()]


@given(data=st.binary(max_size=2_000))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_come_back_under_the_digest_of_their_content(open_store: Path, data: bytes) -> None:
    blob = store.put(data, ".bin")
    assert blob == Blob(digest=hashlib.sha256(data).hexdigest(), suffix=".bin", size=len(data))
    assert store.path(blob).read_bytes() == data
    assert store.put(data, ".bin") == blob
    assert leftovers(open_store) == []


def test_a_table_of_equal_rows_is_the_same_blob(open_store: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "z"]})
    blob = store.put_table(frame)
    assert store.put_table(frame.to_arrow()) == blob
    assert pl.read_parquet(store.path(blob)).equals(frame)


def test_a_stream_becomes_parts_and_none_of_its_rows_is_lost(open_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROWS_PER_PART", 1_000)
    schema = pa.schema([("n", pa.int64())])
    batches = [pa.record_batch([pa.array(range(start, start + 300))], schema=schema) for start in range(0, 3_000, 300)]
    parts = store.put_parts(iter(batches), schema)
    assert [part.n_rows for part in parts] == [1_200, 1_200, 600]
    data = store.dataset("rows", parts, ())
    assert data.n_rows == 3_000
    assert store.scan(data).collect()["n"].to_list() == list(range(3_000))
    assert sum(batch.num_rows for batch in store.batches(data, rows=128)) == 3_000


def test_an_empty_stream_keeps_its_schema(open_store: Path) -> None:
    parts = store.put_parts(iter([]), pa.schema([("n", pa.int64())]))
    assert [part.n_rows for part in parts] == [0]
    assert store.scan(store.dataset("rows", parts, ())).collect().schema == {"n": pl.Int64}


def test_a_failure_while_writing_leaves_nothing_behind(open_store: Path) -> None:
    def broken() -> list[pa.RecordBatch]:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.put_parts((batch for _ in [0] for batch in broken()), pa.schema([("n", pa.int64())]))
    assert leftovers(open_store) == []


def test_a_record_is_recalled_only_while_it_and_its_files_are_whole(open_store: Path) -> None:
    page = store.put(b"<html>", ".html")
    note = Note(text="kept", pages=(Report(page=page),))
    assert memory.recall("note", "k", Note) is None
    memory.remember("note", "k", note)
    assert memory.recall("note", "k", Note) == note

    store.path(page).write_bytes(b"<ht")
    assert memory.recall("note", "k", Note) is None, "a file that was cut"
    store.path(page).unlink()
    assert memory.recall("note", "k", Note) is None, "a file that is gone"
    store.put(b"<html>", ".html")
    assert memory.recall("note", "k", Note) == note

    kept = open_store / "memory" / "note" / "k.json"
    kept.write_bytes(kept.read_bytes()[:20])
    assert memory.recall("note", "k", Note) is None, "a record that is damaged"
    kept.write_text('{"text": "kept", "pages": [], "colour": "red"}')
    assert memory.recall("note", "k", Note) is None, "a record of another version of the class"


def test_without_an_open_store_the_error_says_what_to_do() -> None:
    with pytest.raises(KeepfitError, match=r"store\.opened"):
        store.home()


@pytest.mark.parametrize("root", [".git", "prefect.yaml", ".keepfit"])
def test_the_home_is_at_the_root_that_a_project_belongs_to(
    tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEEPFIT_HOME", raising=False)
    project = tmp_path / "work" / "data" / "titanic"
    project.mkdir(parents=True)
    (tmp_path / "work" / root).mkdir()
    assert store.home_of(project) == tmp_path / "work" / ".keepfit"
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "elsewhere"))
    assert store.home_of(project) == tmp_path / "elsewhere"
