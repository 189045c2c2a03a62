"""Images of one picture are found whatever the file, others are not, and only columns that can tell are asked."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import polars as pl
import pyarrow as pa
import pytest

from tasks.core import store
from tasks.core.choices import Choice
from tasks.core.records import Column
from tasks.modalities.likeness import WIDTH, alike, sketches
from tasks.modalities.sketching import sketches as how_to_compare


def picture(seed: int, side: int = 96) -> PIL.Image.Image:
    """A few soft blots of other colours and places for each seed."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:1:96j, 0:1:96j]
    pixels = np.full((96, 96, 3), rng.uniform(40, 200, 3))
    for _ in range(6):
        x, y, size = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.3)
        blot = np.exp(-((down - x) ** 2 + (across - y) ** 2) / size**2)
        pixels += blot[..., None] * rng.uniform(-150, 150, 3)
    return PIL.Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).resize((side, side))


def encoded(image: PIL.Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, **{"format": "PNG", **options})
    return file.getvalue()


COPIES = {
    "JPEG": lambda image: encoded(image, format="JPEG", quality=50),
    "larger": lambda image: encoded(image.resize((200, 200))),
    "smaller": lambda image: encoded(image.resize((64, 64)), format="JPEG"),
    "darker": lambda image: encoded(image.point(lambda value: int(value * 0.9))),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_picture_in_another_file_is_another(copy: str) -> None:
    images = [picture(seed) for seed in range(60)]
    ours, _ = sketches(encoded(image) for image in images)
    theirs, _ = sketches(COPIES[copy](image) for image in images)
    assert alike(ours, theirs).mean() >= 0.9


def test_other_pictures_are_taken_for_copies() -> None:
    found, present = sketches(encoded(picture(seed)) for seed in range(150))
    assert present.all() and found.shape == (150, WIDTH)
    one, other = np.triu_indices(150, 1)
    assert alike(found[one], found[other]).sum() <= 2
    turned, _ = sketches(encoded(picture(seed).transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)) for seed in range(150))
    assert alike(found, turned).sum() <= 2


def test_images_that_cannot_be_read_are_like_each_other() -> None:
    found, present = sketches([None, b"", b"\x89PNG\r\n\x1a\nbroken", encoded(picture(1))])
    assert present.tolist() == [False, False, False, True]
    assert sketches([])[0].shape == (0, WIDTH)
    assert found.dtype == np.uint8


@pytest.mark.usefixtures("open_store")
def test_columns_are_compared_that_tell_no_copies() -> None:
    frame = pl.DataFrame(
        {
            "body": [f"the message number {n} is another than all of the others" for n in range(60)],
            "answer": ["i agree with all that was said here" if n % 2 else "i do not agree at all" for n in range(60)],
            "name": [f"name {n}" for n in range(60)],
            "picture": [b""] * 60,
        }
    )
    rows = frame.to_arrow().cast(
        pa.schema([(name, pa.binary() if name == "picture" else pa.string()) for name in frame.columns])
    )
    columns = tuple(
        Column(name=name, type="image" if name == "picture" else "text", n_missing=0) for name in frame.columns
    )
    dataset = store.dataset("raw", store.put_parts(rows.to_batches(), rows.schema), columns)

    def compared(*inputs: str, **said: str) -> list[tuple[str, ...]]:
        choices = {name: Choice.model_validate(read) for name, read in said.items()}
        return [(one.kind, *one.columns) for one in how_to_compare(dataset, inputs, choices)]

    assert compared(*frame.columns) == [("text", "body"), ("image", "picture")]
    assert compared("body", "name", name="text", body="category") == [("text", "name")]
    assert compared("answer", "name") == []


def test_the_folder_of_digits_is_glued_together() -> None:
    files = sorted((Path(__file__).resolve().parents[2] / "data" / "digits" / "images").rglob("*.png"))[::4]
    found, _ = sketches(file.read_bytes() for file in files)
    one, other = np.triu_indices(len(files), 1)
    assert alike(found[one], found[other]).sum() < 10
