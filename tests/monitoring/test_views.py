"""Views must be the same for reference rows and logged ones, be there for every column, and show what changes."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import numpy as np
import PIL.Image
import PIL.ImageFilter
import polars as pl
import soundfile

from tasks.core.errors import DataError
from tasks.core.model_records import ModelCard
from tasks.core.records import Column, ColumnType, Feature, FeatureKind, Target
from tasks.modalities import MODALITIES
from tasks.modalities.image import Sight
from tasks.monitoring.views import views

TEXTS = ["Where is my parcel?", "WHERE IS MY 3rd PARCEL", "", None]


def column(name: str, kind: ColumnType) -> Column:
    return Column(name=name, type=kind, n_missing=0)


def feature(name: str, kind: FeatureKind, settings: str = "", expression: str | None = None) -> Feature:
    return Feature(name=name, kind=kind, settings=settings, expression=expression)


def picture(brightness: int = 128, blur: float = 0.0, size: tuple[int, int] = (96, 64)) -> bytes:
    noise = np.random.default_rng(0).normal(brightness, 40, (size[1], size[0], 3)).clip(0, 255).astype(np.uint8)
    image = PIL.Image.fromarray(noise).filter(PIL.ImageFilter.GaussianBlur(blur))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def tone(seconds: float, hertz: float, loud: float) -> bytes:
    at = np.arange(int(seconds * 16_000)) / 16_000
    file = io.BytesIO()
    soundfile.write(file, loud * np.sin(2 * np.pi * hertz * at), 16_000, format="FLAC")
    return file.getvalue()


SIGHT = Sight()
SOUND = json.dumps({"rate": 16_000, "coefficients": 20, "steps": 24})
CARD = ModelCard(
    project="p",
    target=Target(name="y", problem="binary", classes=("no", "yes")),
    metric="log_loss",
    inputs=(
        column("age", "number"),
        column("plan", "text"),
        column("floor", "integer"),
        column("name", "text"),
        column("email", "text"),
        column("text", "text"),
        column("since", "date"),
        column("photo", "image"),
        column("voice", "sound"),
    ),
    features=(
        feature("age", "number"),
        feature("plan", "category"),
        feature("floor", "category"),
        feature("text", "text", json.dumps({"terms": [" my ", "parce"]})),
        feature("since", "date"),
        feature("photo", "image", SIGHT.model_dump_json()),
        feature("voice", "sound", SOUND),
        feature("doubled", "number", expression="age * 2"),
        feature("host", "category", expression="extract(email, '@(.*)')"),
    ),
    members=(),
    data_digest="",
    sample=(),
)
FILES = {"a" * 64: picture(), "b" * 64: picture(200, 2.0, (32, 32)), "c" * 64: tone(1, 440, 0.5)}
ROWS = pl.DataFrame(
    {
        "__time__": [datetime(2026, 3, 5, 12, tzinfo=UTC)] * 4,
        "age": [1.0, 2.0, float("inf"), None],
        "plan": ["free", "team", "", None],
        "floor": [1.0, 2.0, 2.0, None],
        "name": ["Ann", "Bo", None, "Cy"],
        "email": ["0" * 32, "1" * 32, "0" * 32, None],
        "text": TEXTS,
        "since": [datetime(2026, 3, 1, 18, 30), datetime(2026, 3, 2), None, None],  # noqa: DTZ001
        "photo": ["a" * 64, "b" * 64, "f" * 64, None],
        "voice": ["c" * 64, None, None, None],
        "__prediction__": ["no", "yes", "yes", "no"],
        "__outputs__": [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]],
    }
)


def load(digest: str) -> bytes:
    if digest not in FILES:
        raise DataError("gone")
    return FILES[digest]


PLAN = views(CARD, hashed=["email"], load=load)


def test_every_view_is_there_and_is_a_number_or_a_category() -> None:
    found = PLAN.of(ROWS)
    assert found.columns == [each.name for each in PLAN.columns]
    kinds = {"number": pl.Float64, "category": pl.String}
    assert [*found.dtypes] == [kinds[each.kind] for each in PLAN.columns]
    assert "host" not in found.columns  # it is made of a hash
    assert PLAN.of(ROWS.select("__time__")).columns == found.columns
    assert PLAN.of(ROWS.head(0)).shape == (0, len(PLAN.columns))


def test_values_that_are_missing_or_gone_are_missing_in_the_views() -> None:
    found = PLAN.of(ROWS)
    assert found["age"].to_list() == [1.0, 2.0, None, None]
    assert found["doubled"].to_list() == [2.0, 4.0, None, None]
    assert found["plan"].to_list() == ["free", "team", None, None]
    assert found["floor"][:2].to_list() == ["1", "2"] and found["floor"][3] is None
    assert found["email · present"].to_list() == [1.0, 1.0, 1.0, None]
    assert found["photo · brightness"].is_null().to_list() == [False, False, True, True]
    assert found["voice · duration"].to_list() == [1.0, None, None, None]
    assert found["text · words"].round(6).to_list() == [4.0, 5.0, None, None]


def test_the_views_show_what_is_seen_and_heard() -> None:
    found = PLAN.of(ROWS)
    bright, sharp = found["photo · brightness"], found["photo · sharpness"]
    assert bright[1] > bright[0] + 0.2 and sharp[1] < sharp[0] / 3
    assert (found["photo · width"][0], found["photo · height"][0]) == (96.0, 64.0)
    assert found["text · unseen words"][:2].to_list() == [0.5, 0.6]
    assert found["text · capitals"][1] > 0.5 > found["text · capitals"][0]
    assert found["since · weekday"][:2].to_list() == ["Sunday", "Monday"]
    assert found["since · hour"][0] == 18.5 and round(found["since · age"][1], 3) == 3.5
    assert found["confidence"].to_list() == [0.9, 0.8, 0.6, 0.5]


def test_rows_of_training_have_the_views_of_logged_rows() -> None:
    raw = ROWS.drop("__prediction__", "__outputs__").with_columns(
        photo=pl.Series([FILES["a" * 64], FILES["b" * 64], None, None], dtype=pl.Binary),
        voice=pl.Series([FILES["c" * 64], None, None, None], dtype=pl.Binary),
        prediction=ROWS["__prediction__"],
        floor=ROWS["floor"].cast(pl.Int64),
        probability_no=ROWS["__outputs__"].list.get(0),
        probability_yes=ROWS["__outputs__"].list.get(1),
    )
    batch = ROWS.to_arrow().to_batches()[0]
    assert PLAN.of(raw).equals(PLAN.of(ROWS)) and PLAN.of(batch).equals(PLAN.of(ROWS))


def test_a_modality_gives_what_it_says_it_watches() -> None:
    for kind, values in (("image", [FILES["a" * 64], b"no image", None]), ("sound", [FILES["c" * 64], b"", None])):
        modality = MODALITIES[kind]  # type: ignore[index]
        view = modality.drift_view(feature("x", kind, SOUND), pl.Series(values))  # type: ignore[arg-type]
        assert view.shape == (3, len(modality.watched))
        assert np.isfinite(view[0]).all() and np.isnan(view[1:]).all()
    quiet, loud = (
        MODALITIES["sound"].drift_view(feature("x", "sound", SOUND), pl.Series([tone(0.5, 300, each)]))
        for each in (0.05, 0.5)
    )
    assert loud[0, 1] > quiet[0, 1] + 1
