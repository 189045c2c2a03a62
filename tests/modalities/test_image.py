"""An image comes from anywhere: whatever its bytes are, the answer is a view or a reason, and never a crash."""

from __future__ import annotations

import base64
import io
import json
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import PIL.Image
import polars as pl
import pyarrow as pa
import pytest

from tasks.core import store
from tasks.core.census import Census
from tasks.core.errors import DataError
from tasks.core.model_records import ModelCard
from tasks.core.records import Column, Dataset, Feature, Note, Target
from tasks.exports.graph import Graph
from tasks.exports.onnx import convert
from tasks.modalities import gradients, pictures
from tasks.modalities.front import COMPACT
from tasks.modalities.image import COMPONENTS, Image, Sight
from tasks.serving.refusal import Refusal
from tasks.serving.schema import RowSchema

IMAGE = Image()
FORMS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
every_form = pytest.mark.parametrize("form", FORMS)


def picture(width: int = 60, height: int = 40, seed: int = 0) -> PIL.Image.Image:
    """A bright disc on dark ground, off the middle, with some noise."""
    y, x = np.mgrid[:height, :width]
    disc = ((x - width / 3) ** 2 + (y - height / 3) ** 2 < (min(width, height) / 4) ** 2)[..., None]
    noise = np.random.default_rng(seed).integers(0, 20, (height, width, 3))
    return PIL.Image.fromarray((disc * [200, 120, 40] + noise + 10).astype(np.uint8))


def written(image: PIL.Image.Image, form: str = "PNG", **settings: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **settings)
    return file.getvalue()


def feature(**changes: Any) -> Feature:
    sight = Sight(**changes)
    return Feature(name="photo", kind="image", width=sight.width, settings=sight.model_dump_json())


def view(value: bytes, **changes: Any) -> np.ndarray:
    return IMAGE.encoder(feature(**changes))(value)


def dataset(values: list[bytes | None]) -> Dataset:
    table = pa.table({"photo": pa.array(values, pa.binary())})
    census = Census(table.schema, find_numbers=True)
    parts = store.put_parts(census.counting(table.to_batches()), table.schema)
    return store.dataset("train", parts, census.columns())


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that declares so many pixels and holds these bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@every_form
def test_a_format_is_refused_or_seen_otherwise(form: str) -> None:
    value = written(picture(), form)
    assert IMAGE.fault(value) is None
    np.testing.assert_allclose(view(value), view(written(picture())), atol=2.5)
    assert np.abs(view(value) - view(written(picture()))).mean() < 0.2


@every_form
def test_a_file_that_is_cut_off_is_an_image(form: str) -> None:
    value = written(picture(300, 200), form)
    for share in (0.02, 0.1, 0.5):
        fault = IMAGE.fault(value[: int(len(value) * share)])
        assert fault is not None and fault.startswith("the ")
    assert IMAGE.fault(value[:3] if form == "BMP" else value[:13]) is not None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "it is empty"),
        (b"hello", "it does not begin like an image"),
        (b"RIFF\0\0\0\0WAVEfmt ", "it does not begin like an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it does not begin like an image"),
        (png(10_000, 6_000), "it has 10,000 x 6,000 pixels, more than 50,000,000"),
        (png(12_000, 10_000), "it has 12,000 x 10,000 pixels, more than 50,000,000"),
        (png(60_000, 60_000), "it has more than 50,000,000 pixels"),
        (png(2**31 - 1, 2**31 - 1), "it has more than 50,000,000 pixels"),
        (png(0, 10), "the PNG is damaged"),
        (
            b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b"," + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0),
            "it has",
        ),
        (b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0) + b";", "the GIF is damaged: its header cannot"),
        (b"BM" + bytes(60), "the BMP is damaged"),
    ],
)
def test_a_bomb_or_another_file_is_decoded(value: bytes, reason: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert str(IMAGE.fault(value)).startswith(reason)
    with pytest.raises(DataError, match="Feature 'photo' cannot be read: expected the bytes of an image"):
        view(value)


def test_an_orientation_is_ignored_or_a_broken_one_refuses_the_image() -> None:
    upright = picture(60, 40)
    for orientation, back in [(3, "ROTATE_180"), (6, "ROTATE_90"), (8, "ROTATE_270"), (5, "TRANSPOSE")]:
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        turned = upright.transpose(PIL.Image.Transpose[back])
        np.testing.assert_array_equal(view(written(turned, exif=exif)), view(written(upright)))
    broken = written(upright, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(9))
    assert IMAGE.fault(broken) is None
    assert np.isfinite(view(broken)).all()


def test_what_is_transparent_is_black_and_deep_or_printed_pixels_are_cut_off() -> None:
    clear = PIL.Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    np.testing.assert_array_equal(view(written(clear)), view(written(PIL.Image.new("L", (20, 20), 255))))
    palette = PIL.Image.new("P", (20, 20), 0)
    palette.putpalette([9, 9, 9])
    assert pictures.decoded(written(palette, transparency=0), 1).getpixel((0, 0)) == (255, 255, 255)
    grey = np.linspace(0, 65_535, 400).reshape(20, 20).astype(np.uint16)
    eight = PIL.Image.fromarray(np.rint(grey / 257).astype(np.uint8))
    np.testing.assert_array_equal(view(written(PIL.Image.fromarray(grey))), view(written(eight)))
    for mode in ("1", "L", "LA", "P", "CMYK"):
        shown = picture().convert(mode)
        value = written(shown, "JPEG" if mode == "CMYK" else "PNG")
        assert pictures.decoded(value, 100).mode == "RGB"
        assert np.isfinite(view(value)).all()


def test_another_frame_of_an_animation_is_seen() -> None:
    frames = [picture(seed=seed).convert("P") for seed in range(3)]
    moving = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(view(moving), view(written(frames[0], "GIF")))


def test_one_image_is_seen_otherwise_than_many() -> None:
    values = pl.Series([written(picture(seed=seed), form) for seed in range(3) for form in FORMS] + [None])
    for changes in ({}, {"colours": True}, {"side": 16, "cell": 4, "grid": 8}):
        one = IMAGE.encoder(feature(**changes))
        many = IMAGE.encode(feature(**changes), values)
        np.testing.assert_array_equal(many, np.array([one(value) for value in values]))
        assert many.dtype == np.float64 and many.shape == (16, feature(**changes).width) and many.shape[1] < 2_000
        assert np.isnan(many[-1]).all() and np.isfinite(many[:-1]).all()
        assert 0.3 < many[:-1].std() < 3
    assert IMAGE.encode(feature(), pl.Series([], dtype=pl.Binary)).shape == (0, feature().width)


def test_the_edges_of_light_and_dark_images_differ() -> None:
    grey = np.asarray(picture(48, 48).convert("L"), np.float64) / 255
    np.testing.assert_allclose(gradients.histograms(grey, 8), gradients.histograms(grey / 2 + 0.1, 8), atol=0.06)
    assert gradients.histograms(grey, 8).shape == (gradients.n_values(48, 8),)
    upright = np.tile(np.arange(48) / 48, (48, 1))
    directions = gradients.histograms(upright, 8).reshape(25, 4, 9).sum(axis=(0, 1))
    assert set(np.argsort(directions)[-2:]) == {0, 8}  # the direction 0 lies between the first bin and the last
    assert np.abs(gradients.histograms(np.full((48, 48), 0.3), 8)).max() == 0


@pytest.mark.usefixtures("open_store")
def test_the_view_does_not_fit_the_images() -> None:
    small = [written(picture(8, 8, seed).convert("L")) for seed in range(40)]
    large = [written(picture(300, 200, seed), "JPEG") for seed in range(40)]
    found = {name: IMAGE.feature(dataset(values), "photo", None) for name, values in (("s", small), ("l", large))}
    sights = {name: Sight.model_validate_json(one.settings) for name, one in found.items() if isinstance(one, Feature)}
    assert sights["s"] == Sight(side=16, cell=4, grid=8, colours=False, components=6)
    assert sights["l"] == Sight(colours=True, components=6)
    assert isinstance(IMAGE.feature(dataset([b"x", None, b""]), "photo", None), Note)
    assert IMAGE.feature(dataset([*small[:-2], None, b"BM"]), "photo", None) == found["s"]


def test_a_front_that_cannot_be_exported_or_is_not_finite() -> None:
    import onnxruntime

    x = IMAGE.encode(feature(components=5), pl.Series([written(picture(seed=seed)) for seed in range(12)]))
    x[:, :7] = 1.5
    x[3] = np.nan
    for wants, width in (("compact", 5), ("wide", x.shape[1])):
        front = IMAGE.front(feature(components=5), wants, 0).fit(x)
        assert front.transform(x).shape == (12, width)
        graph = Graph()
        model = graph.model(convert(front, graph, "X"), "y", [None, width], x.shape[1], {})
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        strange = np.vstack([x, *(np.full(x.shape[1], value) for value in (*IMAGE.strange, np.nan))])
        (answers,) = session.run(None, {"X": strange})
        assert np.isfinite(answers).all()
        np.testing.assert_allclose(answers, front.transform(strange), atol=1e-9)
    assert COMPONENTS <= COMPACT


def test_a_card_holds_whole_photographs() -> None:
    values = pl.Series("photo", [written(picture(2_000, 1_500)), None, b"no image", written(picture(8, 8))])
    small = IMAGE.sample(values)
    assert small.name == "photo" and small.dtype == pl.Binary
    assert len(small[0]) < 5_000 and IMAGE.fault(small[0]) is None
    assert small.to_list()[1:] == values.to_list()[1:]


def test_a_broken_image_in_a_request_is_our_fault() -> None:
    column = Column(name="photo", type="image", n_missing=0)
    target = Target(name="y", problem="binary", classes=("a", "b"))
    card = ModelCard(
        **{"project": "p", "target": target, "metric": "m", "inputs": (column,), "features": (feature(),)},
        **{"members": (), "data_digest": "", "sample": ()},
    )
    schema = RowSchema(card)
    good = written(picture())

    def asked(*photos: str | None) -> list[list[float]]:
        rows, _ = schema.read(json.dumps([{"photo": photo} for photo in photos]).encode())
        return schema.packed(rows)[1]

    def coded(value: bytes) -> str:
        return base64.b64encode(value).decode()

    assert schema.is_slow
    assert asked(coded(good), None)[0] == view(good).tolist()
    for photos, row, found in [
        ((coded(good), coded(good)[:-3] + "!"), 1, "the text"),
        ((coded(good), coded(good[:200])), 1, "the PNG is damaged: "),
        (("",), 0, "it is empty"),
        ((coded(b"hello"),), 0, "it does not begin like an image"),
    ]:
        with pytest.raises(Refusal) as refused:
            asked(*photos)
        error = refused.value.error
        assert (refused.value.status, error["row"], error["field"]) == (422, row, "photo")
        assert str(error["found"]).startswith(found)


def mutated(value: bytes, generator: np.random.Generator) -> bytes:
    """The bytes with some changed, left out, doubled or cut off."""
    changed = bytearray(value)
    for _ in range(generator.integers(1, 12)):
        at, end = sorted(generator.integers(0, len(changed) + 1, 2))
        # Headers decide most: half of the changes are among the first bytes.
        near = int(generator.integers(0, min(len(changed), 64)))
        match generator.integers(0, 5):
            case 0 | 1:
                changed[near] = int(generator.integers(0, 256))
            case 2 if len(changed) > 1:
                changed[int(generator.integers(0, len(changed)))] ^= 1 << int(generator.integers(0, 8))
            case 3:
                del changed[at : min(end, at + 20)]
            case _:
                changed[at:at] = changed[near : near + int(generator.integers(0, 40))]
        if len(changed) < 16:
            break
    return bytes(changed)


@pytest.mark.parametrize("n", [100, pytest.param(1_000, marks=pytest.mark.slow)])
def test_random_damage_crashes_or_hangs(n: int) -> None:
    generator = np.random.default_rng(n)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    seeds = [
        *(written(picture(), form) for form in FORMS),
        written(picture(), "JPEG", exif=exif, progressive=True),
        written(picture().convert("P"), "GIF", save_all=True, append_images=[picture(seed=1).convert("P")]),
        written(picture().convert("RGBA"), "WEBP", lossless=True, exif=exif),
        written(picture().convert("CMYK"), "JPEG"),
    ]
    values = [mutated(seeds[number % len(seeds)], generator) for number in range(n)]
    encode = IMAGE.encoder(feature())

    def outcome(value: bytes) -> str:
        fault = IMAGE.fault(value)
        try:
            seen = encode(value)
        except DataError as exc:
            return f"{fault}: {exc}"
        assert np.isfinite(seen).all()
        return f"{fault}: {seen.sum()}"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(outcome, values, timeout=300))
    assert sum(each.startswith("None") for each in outcomes) not in (0, n)
    assert all(("cannot be read" in each) != each.startswith("None") for each in outcomes)
