"""Personal values are never in the log as they are, and the same value is the same hash however it came."""

from __future__ import annotations

import hashlib
import stat
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tasks.core.errors import DataError, NotLogged, ProjectError
from tasks.core.predictions import media
from tasks.core.predictions.masking import home_key, masker
from tasks.core.records import Column, ColumnType

KEY = bytes(range(32))


def columns(**types: ColumnType) -> list[Column]:
    return [Column(name=name, type=kind, n_missing=0) for name, kind in types.items()]


def test_rows_that_are_logged_as_they_are_cost_nothing(folder: Path) -> None:
    given = columns(age="number", name="text")
    assert masker(given, {"age": "keep"}, KEY, folder) == (tuple(given), None, None)


def test_hashed_and_dropped_values_are_not_in_the_logged_row(folder: Path) -> None:
    given = columns(age="number", name="text", card="integer", photo="image")
    logged, row, batch = masker(given, {"name": "hash", "card": "drop"}, KEY, folder)
    assert [(column.name, column.type) for column in logged] == [
        ("age", "number"),
        ("name", "text"),
        ("photo", "image"),
    ]
    assert row is not None and batch is not None
    values = row((30.0, "Ada", 4242.0, b"PNG"))
    assert values[0] == 30.0
    assert len(values[1]) == 32 and "Ada" not in values[1]
    assert values[2] == hashlib.sha256(b"PNG").hexdigest()
    assert media.load(folder, values[2]) == b"PNG"
    assert row((None, None, None, None)) == (None, None, None)

    answered = pa.record_batch(
        {"name": ["Ada", None, "Ada"], "age": [1, 2, 3], "card": [4242] * 3, "photo": [b"PNG", None, b"GIF"]}
    ).append_column("__prediction__", pa.array(["a", "b", "c"]))
    found = batch(answered).to_pydict()
    assert found == {
        "name": [values[1], None, values[1]],
        "age": [1, 2, 3],
        "photo": [values[2], None, hashlib.sha256(b"GIF").hexdigest()],
        "__prediction__": ["a", "b", "c"],
    }


@pytest.mark.parametrize(
    ("kind", "one", "array"),
    [
        ("integer", 3.0, pa.array([3], pa.int64())),
        ("number", 2.5, pa.array([2.5])),
        ("boolean", True, pa.array([True])),
        ("date", datetime(2024, 5, 31, tzinfo=UTC), pa.array([date(2024, 5, 31)])),
        ("date", datetime.fromisoformat("2024-05-31T10:00"), pa.array([datetime.fromisoformat("2024-05-31T10:00")])),
        ("text", "é", pa.array(["é"]).dictionary_encode()),
        ("image", b"PNG", pa.array([b"PNG"])),
    ],
)
def test_one_value_has_one_hash_however_it_came(folder: Path, kind: ColumnType, one: object, array: object) -> None:
    _, row, batch = masker(columns(a=kind), {"a": "hash"}, KEY, folder)
    assert row is not None and batch is not None
    assert batch(pa.record_batch({"a": array})).column("a").to_pylist() == [*row((one,))]
    assert not (folder / "media").exists(), "what is hashed is not kept"


def test_another_key_makes_other_hashes(folder: Path) -> None:
    hashes = set()
    for key in (KEY, bytes(32)):
        _, row, _ = masker(columns(a="text"), {"a": "hash"}, key, folder)
        assert row is not None
        hashes |= {row(("Ada",)), row(("ada",))}
    assert len(hashes) == 4


def test_a_column_that_is_no_input_is_named(folder: Path) -> None:
    with pytest.raises(ProjectError, match=r"'nme' cannot be logged: expected an input of the model. Perhaps 'name'"):
        masker(columns(name="text"), {"nme": "drop"}, KEY, folder)


def test_a_home_has_one_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    key = home_key(tmp_path)
    assert len(key) == 32 and home_key(tmp_path) == key
    path = tmp_path / "predictions" / ".key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == [".key"]
    path.write_bytes(key[:31])
    with pytest.raises(DataError, match="expected 32 bytes, found 31"):
        home_key(tmp_path)


def test_equal_bytes_are_kept_once_and_damage_is_seen(folder: Path) -> None:
    digest = media.keep(folder, b"sound", sync=True)
    path = media.path_of(folder, digest)
    before = path.stat()
    assert media.keep(folder, b"sound") == digest
    assert path.stat().st_ino == before.st_ino
    assert path.stat().st_mtime_ns > before.st_mtime_ns, "what is sent again is young again"
    assert stat.S_IMODE(before.st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    path.write_bytes(b"other")
    with pytest.raises(DataError, match="found 5 other bytes"):
        media.load(folder, digest)
    path.unlink()
    with pytest.raises(DataError, match="found none"):
        media.load(folder, digest)


def test_bytes_that_cannot_be_kept_are_not_logged(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    with pytest.raises(NotLogged, match="could not be kept"):
        media.keep(folder, b"sound")
