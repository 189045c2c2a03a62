"""Folders of images as they come: foreign, broken and growing files, and manifests that do not fit them."""

from __future__ import annotations

import io
import os
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import polars as pl
import pytest

from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.sources import Images, media_files, media_folder

pytestmark = pytest.mark.usefixtures("open_store")


def image(shade: int = 0, form: str = "PNG") -> bytes:
    file = io.BytesIO()
    PIL.Image.new("RGB", (8, 8), (shade, 2 * shade % 256, 7)).save(file, form)
    return file.getvalue()


def put(folder: Path, *names: str) -> Path:
    """Images under these names, each another one."""
    forms = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF", ".bmp": "BMP", ".webp": "WEBP"}
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image(sum(name.encode()) % 256, forms[path.suffix.lower()]))
    return folder


def collected(folder: Path, **more: Any) -> tuple[pl.DataFrame, dict[str, str], Any]:
    """The rows, what went into quarantine with the reason, and the record."""
    dataset = collect.fn(Images(path=str(folder), **more))
    items = pl.read_parquet(store.path(dataset.rejected.rows)) if dataset.rejected else None
    reasons = dict(zip(items["where"], items["reason"], strict=True)) if items is not None else {}
    return store.scan(dataset).collect(), reasons, dataset


def test_a_class_of_digits_becomes_a_number_or_an_order_depends_on_the_disk(tmp_path: Path) -> None:
    put(tmp_path, "1/b.PNG", "0/b.jpg", "0/a.jpeg", "1/deep/c.Gif", "1/a.bmp", "0/z.webp")
    frame, reasons, dataset = collected(tmp_path)
    assert frame["__file__"].to_list() == ["0/a.jpeg", "0/b.jpg", "0/z.webp", "1/a.bmp", "1/b.PNG", "1/deep/c.Gif"]
    assert frame["label"].to_list() == ["0", "0", "0", "1", "1", "1"]
    assert [(column.name, column.type) for column in dataset.columns] == [
        *(("image", "image"), ("label", "text"), ("__file__", "text"))
    ]
    assert frame["image"][0] == (tmp_path / "0/a.jpeg").read_bytes()
    assert not reasons


def test_a_flat_folder_has_a_label(tmp_path: Path) -> None:
    frame, _, _ = collected(put(tmp_path, "a.png", "b.png"))
    assert frame.columns == ["image", "__file__"]


def test_what_other_programs_leave_behind_is_a_row_or_a_fault(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png")
    for name in ("Thumbs.db", "a/.DS_Store", "a/._1.png", "__MACOSX/a/1.png", ".cache/2.png", "notes.txt", "a/none"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    source, intake = Images(path=str(tmp_path)), Intake()
    assert sum(batch.num_rows for batch in source.batches(intake)) == 1
    assert not intake.reasons
    assert intake.look == "1 image in 1 class folders (a); files of other kinds: 3"


def test_a_file_that_cannot_be_a_row_is_dropped_without_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_files, "LARGEST", 1 << 20)
    folder = put(tmp_path / "images", "a/good.png", "b/good.jpg", "loose.png")
    outside = put(tmp_path, "outside.png")
    (folder / "a/empty.png").touch()
    (folder / "a/large.png").write_bytes(image() + bytes(2 << 20))
    (folder / "a/mislabelled.png").write_bytes(image(form="JPEG"))
    (folder / "a/text.jpg").write_text("<html>404</html>")
    (folder / "a/scan.TIF").write_bytes(b"II*\0")
    (folder / "a/drawing.svg").write_text("<svg/>")
    (folder / "a/away.png").symlink_to(outside / "outside.png")
    (folder / "a/dangling.png").symlink_to(folder / "nowhere.png")
    (folder / "a/within.png").symlink_to(folder / "a/good.png")
    (folder / "c").symlink_to(folder / "a")
    os.mkfifo(folder / "a/pipe.png")
    frame, reasons, _ = collected(folder)
    assert frame["__file__"].to_list() == ["a/good.png", "a/within.png", "b/good.jpg"]
    assert reasons == {
        "a/away.png": "it is a link that leads out of the folder",
        "a/dangling.png": "it is a link that leads nowhere",
        "a/drawing.svg": ".svg is not read, only .png, .jpg, .jpeg, .gif, .bmp, .webp",
        "a/empty.png": "it is empty",
        "a/large.png": "it is larger than 1 MiB",
        "a/mislabelled.png": "its name says PNG, its content JPEG",
        "a/pipe.png": "it is no file",
        "a/scan.TIF": ".tif is not read, only .png, .jpg, .jpeg, .gif, .bmp, .webp",
        "a/text.jpg": "its name says JPEG, its content no known format",
        "c": "it is a link to a folder",
        "loose.png": "it is in no folder, and the folders are the classes",
    }


def test_a_name_that_is_no_text_ends_the_reading(tmp_path: Path) -> None:
    put(tmp_path, "größe 日本.png")
    with open(os.fsencode(tmp_path) + b"/\xff.png", "wb") as file:  # noqa: PTH123
        file.write(image())
    frame, reasons, _ = collected(tmp_path)
    assert frame["__file__"].to_list() == ["größe 日本.png"]
    assert reasons == {"\ufffd.png": "its name is not in UTF-8"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_never_looked_at_again(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    (tmp_path / "b.png").chmod(0)
    frame, reasons, _ = collected(tmp_path)
    assert frame.height == 1 and reasons == {"b.png": "it cannot be opened: Permission denied"}
    (tmp_path / "b.png").chmod(0o644)
    frame, reasons, _ = collected(tmp_path)
    assert frame.height == 2 and not reasons


def test_new_files_are_lost_or_taken_twice(tmp_path: Path) -> None:
    put(tmp_path, "a/2.png", "b/1.png")
    (tmp_path / "a/broken.png").touch()
    collected(tmp_path)
    put(tmp_path, "a/1.png", "c/1.png")
    frame, reasons, dataset = collected(tmp_path)
    assert frame["__file__"].to_list() == ["a/2.png", "b/1.png", "a/1.png", "c/1.png"]
    assert list(reasons) == ["a/broken.png"] and dataset.rejected.n_rows == 1
    assert collected(tmp_path)[2] == dataset


@pytest.mark.parametrize("change", ["other content", "gone", "mended", "classes"])
def test_a_file_that_changed_stays_as_it_was(tmp_path: Path, change: str) -> None:
    put(tmp_path, "2.png", "1.png") if change == "classes" else put(tmp_path, "a/2.png", "a/1.png")
    broken = tmp_path / ("broken.png" if change == "classes" else "a/broken.png")
    broken.touch()
    collected(tmp_path)
    if change == "other content":
        (tmp_path / "a/1.png").write_bytes(image(200, "PNG") + b"more")
    elif change == "gone":
        (tmp_path / "a/1.png").unlink()
    elif change == "mended":
        broken.write_bytes(image(9))
    else:
        put(tmp_path, "b/1.png")
    found = collected(tmp_path)
    again = collect.fn(Images(path=str(tmp_path)), anew=True)
    assert found[2] == again
    assert found[0].height == {"other content": 2, "gone": 1, "mended": 3, "classes": 1}[change]
    assert len(found[1]) == {"mended": 0, "classes": 3}.get(change, 1)


def test_a_manifest_loses_its_other_columns_or_a_file_that_it_does_not_name(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "deep/b.png", "unnamed.png")
    table = "file,price,about,__place__\ndeep/b.png,3.5,blue,x\na.png,1,red,y\ngone.png,2,green,z\n,4,grey,q\n"
    (tmp_path / "labels.csv").write_text(table)
    frame, reasons, dataset = collected(tmp_path, manifest="labels.csv")
    assert frame.columns == ["image", "price", "about", "__place__", "__file__"]
    assert frame.drop("image").rows() == [(3.5, "blue", "x", "deep/b.png"), (1.0, "red", "y", "a.png")]
    assert frame["image"][1] == (tmp_path / "a.png").read_bytes()
    assert reasons == {
        "labels.csv: gone.png": "the folder has no such file",
        "labels.csv": "the row names no file",
    }
    assert [note.text for note in dataset.notes] == [
        "1 files are named by no row of labels.csv, like unnamed.png; left out"
    ]
    assert collected(tmp_path, manifest="labels.csv")[0].equals(frame)
    (tmp_path / "labels.csv").write_text(table + "unnamed.png,9,new,w\n")
    assert collected(tmp_path, manifest="labels.csv")[0].height == 3


@pytest.mark.parametrize("write", [pl.DataFrame.write_parquet, pl.DataFrame.write_ndjson], ids=["parquet", "jsonl"])
def test_a_manifest_of_another_kind_or_in_the_other_form_of_unicode_is_refused(tmp_path: Path, write: Any) -> None:
    put(tmp_path, "größe.png")
    name = "m.parquet" if write is pl.DataFrame.write_parquet else "m.jsonl"
    write(pl.DataFrame({"named": [unicodedata.normalize("NFD", ".\\größe.png")], "y": [1]}), tmp_path / name)
    frame, _, _ = collected(tmp_path, manifest=name, file="named")
    assert frame.drop("image").rows() == [(1, "größe.png")]


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ("filename,y\na.png,1\n", "no column 'file'.*found filename, y"),
        ("file,image\na.png,1\n", "column 'image', which is to hold"),
        ("file,y\n1,2\n", "names no files: expected text, found int64"),
        ("file,y\n", "no rows"),
    ],
)
def test_a_manifest_that_does_not_fit_is_a_traceback(tmp_path: Path, table: str, match: str) -> None:
    put(tmp_path, "a.png")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=match):
        collected(tmp_path, manifest="labels.csv")


def test_what_is_not_there_is_a_traceback(tmp_path: Path) -> None:
    put(tmp_path, "images/a.png")
    with pytest.raises(DataError, match=r"no folder image in .*Perhaps 'images' is meant"):
        collected(tmp_path / "image")
    with pytest.raises(DataError, match="is no folder"):
        collected(tmp_path / "images/a.png")
    (tmp_path / "images/lables.csv").write_text("file\na.png")
    with pytest.raises(DataError, match=r"no manifest labels.csv .*Perhaps 'lables.csv' is meant"):
        collected(tmp_path / "images", manifest="labels.csv")
    (tmp_path / "none").mkdir()
    (tmp_path / "none/b.txt").touch()
    with pytest.raises(DataError, match=r"holds no image: expected files that end in .*found 1 others"):
        collected(tmp_path / "none")
    (tmp_path / "none/c.png").touch()
    with pytest.raises(DataError, match=r"no image that can be read: found it is empty \(1\)"):
        collected(tmp_path / "none")


def test_memory_grows_with_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_folder, "BATCH_BYTES", 100_000)
    monkeypatch.setattr("tasks.core.arrow.GROUP_BYTES", 150_000)
    noise = np.random.default_rng(0)
    for number in range(12):
        pixels = noise.integers(0, 256, (100, 100, 3), np.uint8)
        PIL.Image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
    source = Images(path=str(tmp_path))
    assert [batch.num_rows for batch in source.batches(Intake())] == [4, 4, 4]
    dataset = collect.fn(source)
    assert [batch.num_rows for batch in store.batches(dataset)] == [4, 4, 4]
    assert [batch.num_rows for batch in store.batches(dataset, ["__file__"])] == [12]
