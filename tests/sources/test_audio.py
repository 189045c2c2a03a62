"""A folder of sounds holds more than sounds: nothing of it may be lost silently, and nothing read twice."""

from __future__ import annotations

import io
import json
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import soundfile
from pydantic import TypeAdapter, ValidationError

from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.records import Dataset
from tasks.sources import Audio, Source
from tasks.sources import media_files as files

pytestmark = pytest.mark.usefixtures("open_store")


def sound(pitch: float = 440.0, form: str = "WAV", subtype: str | None = None) -> bytes:
    written = io.BytesIO()
    soundfile.write(written, 0.5 * np.sin(np.arange(2_000) * pitch / 1_300), 8_000, format=form, subtype=subtype)
    return written.getvalue()


def put(folder: Path, **contents: bytes) -> None:
    for name, content in contents.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "recordings"
    put(place, **{"7__a_wav": sound(400), "7__deep__b_flac": sound(500, "FLAC"), "bell__c_ogg": sound(600, "OGG")})
    put(place, bell__d_opus=sound(700, "OGG", "OPUS"))
    return place


def rows(dataset: Dataset) -> pl.DataFrame:
    return store.scan(dataset).collect()


def rejected(dataset: Dataset) -> dict[str, str]:
    if dataset.rejected is None:
        return {}
    table = pl.read_parquet(store.path(dataset.rejected.rows))
    return dict(zip(table["where"], table["reason"], strict=True))


def test_its_settings_do_not_survive_the_way_through_json(folder: Path) -> None:
    source = Audio(path=str(folder), manifest="m.csv")
    assert TypeAdapter(Source).validate_json(source.model_dump_json()) == source
    with pytest.raises(ValidationError):
        Audio(path=str(folder), misspelt=1)  # pyright: ignore[reportCallIssue]


def test_bytes_labels_or_names_change_on_the_way(folder: Path) -> None:
    dataset = collect.fn(Audio(path=str(folder)))
    frame = rows(dataset)
    assert frame["__file__"].to_list() == ["7/a.wav", "7/deep/b.flac", "bell/c.ogg", "bell/d.opus"]
    assert frame["label"].to_list() == ["7", "7", "bell", "bell"]
    assert frame["sound"].to_list() == [(folder / name).read_bytes() for name in frame["__file__"]]
    types = {column.name: column.type for column in dataset.columns}
    assert types == {"sound": "sound", "label": "text", "__file__": "text"}
    assert collect.fn(Audio(path=str(folder))) == dataset


def test_folders_of_digits_become_a_quantity(tmp_path: Path) -> None:
    put(tmp_path / "digits", **{f"{i}__{i}_wav": sound(300 + i) for i in range(3)})
    assert {column.name: column.type for column in collect.fn(Audio(path=str(tmp_path / "digits"))).columns}[
        "label"
    ] == "text"


def test_what_is_no_sound_is_lost_silently_or_becomes_a_row(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 30_000)
    put(folder, **{"7__readme_txt": b"hello", "7___hidden_wav": b"", "README_md": b"# hello"})
    put(
        folder,
        **{"7__song_mp3": b"ID3", "7__empty_wav": b"", "bell__page_wav": b"<html>", "bell__huge_flac": bytes(30_001)},
    )
    put(folder, **{"bell__really_ogg": sound(), "loose_wav": sound(900)})
    (folder / "7" / "gone.wav").symlink_to(folder / "nowhere.wav")
    (folder / "7" / "out.wav").symlink_to(Path(__file__))
    dataset = collect.fn(Audio(path=str(folder)))
    assert len(rows(dataset)) == 4
    found = rejected(dataset)
    assert ".mp3 is not read" in found.pop("7/song.mp3")
    assert "empty" in found.pop("7/empty.wav")
    assert "its name says WAV, its content no" in found.pop("bell/page.wav")
    assert "its name says OGG, its content WAV" in found.pop("bell/really.ogg")
    assert "larger" in found.pop("bell/huge.flac")
    assert "in no folder" in found.pop("loose.wav")
    assert "leads nowhere" in found.pop("7/gone.wav")
    assert "out of the folder" in found.pop("7/out.wav")
    assert not found


def test_the_readable_part_of_a_sound_decides_whether_it_is_collected(folder: Path) -> None:
    # What is within a file is for `check` to judge: here only its beginning counts.
    put(folder, bell__cut_wav=sound()[:1_000])
    assert "bell/cut.wav" in rows(collect.fn(Audio(path=str(folder))))["__file__"]


def test_new_files_are_missed_or_old_ones_read_again(folder: Path) -> None:
    source = Audio(path=str(folder))
    before = collect.fn(source)
    put(folder, bell__aa_wav=sound(800), siren__e_flac=sound(900, "FLAC"))
    intake = Intake(json.loads(json.dumps(position(source))), store.schema(before))
    shutil.rmtree(folder / "siren")
    put(folder, siren__e_flac=sound(900, "FLAC"))
    new = pa.Table.from_batches(list(source.batches(intake)))
    assert new["__file__"].to_pylist() == ["bell/aa.wav", "siren/e.flac"]
    after = rows(collect.fn(source))
    assert after["__file__"].to_list()[4:] == ["bell/aa.wav", "siren/e.flac"]
    assert len(after) == 6


def position(source: Audio) -> Any:
    from tasks.core import collected

    found = collected.recall(source)
    assert found is not None
    return found.position


def test_a_sound_that_changed_or_vanished_stays_as_it_was(folder: Path) -> None:
    source = Audio(path=str(folder))
    collect.fn(source)
    put(folder, **{"7__a_wav": sound(1_000)[:-200]})
    assert rows(collect.fn(source))["sound"][0] == (folder / "7" / "a.wav").read_bytes()
    (folder / "7" / "a.wav").unlink()
    assert rows(collect.fn(source))["__file__"].to_list() == ["7/deep/b.flac", "bell/c.ogg", "bell/d.opus"]


def test_columns_of_a_manifest_or_rows_without_a_file_are_lost(folder: Path) -> None:
    table = pl.DataFrame(
        {"recording": ["7/a.wav", "bell/c.ogg", "bell/x.wav"], "speaker": ["g", "j", "g"], "n": [1, 2, 3]}
    )
    table.write_csv(folder / "all.csv")
    dataset = collect.fn(Audio(path=str(folder), manifest="all.csv", file="recording"))
    assert rows(dataset).drop("sound").rows() == [("g", 1, "7/a.wav"), ("j", 2, "bell/c.ogg")]
    assert any("no such file" in reason for reason in rejected(dataset).values())
    assert any("2 files are named by no row" in note.text for note in dataset.notes)


def test_what_is_not_there_is_a_traceback(folder: Path) -> None:
    with pytest.raises(DataError, match="recordings"):
        collect.fn(Audio(path=str(folder.with_name("recording"))))
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(DataError, match="holds no sound"):
        collect.fn(Audio(path=str(folder)))
    put(folder, **{"7__a_mp3": b"ID3"})
    with pytest.raises(DataError, match=r"\.mp3 is not read"):
        collect.fn(Audio(path=str(folder)))


def test_memory_grows_with_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 96 MB, of which 16 are a batch, which is put together while the files' bytes are still held.
    monkeypatch.setattr(files, "LARGEST", 2 << 20)
    for number in range(96):
        put(tmp_path / "many", **{f"noise__{number:03}_wav": sound(number)[:44] + bytes([number]) * (1 << 20)})
    tracemalloc.start()
    n_rows = sum(batch.num_rows for batch in Audio(path=str(tmp_path / "many")).batches(Intake()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_rows == 96
    assert peak < 48 << 20
