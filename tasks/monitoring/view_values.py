"""The views of one column's values, by what they are read as, and of what was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import polars as pl

from tasks.core.errors import DataError
from tasks.core.model_records import ModelCard
from tasks.core.records import Feature, FeatureKind
from tasks.modalities import MODALITIES, words

Load = Callable[[str], bytes]
"""The bytes of an image or a sound by their digest."""
Views = Iterator[tuple[str, pl.Series]]
DAY = 86_400e6
DATE: tuple[tuple[str, Literal["number", "category"]], ...] = (
    ("weekday", "category"),
    ("hour", "number"),
    ("age", "number"),
)
"""The views of a date; its `age` is in days, when the row was asked (`__time__`): the date itself always drifts."""


def of_values(values: pl.Series, feature: Feature | None, kind: str, time: pl.Series | None) -> Views:
    name, read = values.name, read_as(feature, kind)
    if read == "date":
        moments = values.cast(pl.Datetime("us"))
        yield f"{name} · weekday", moments.dt.strftime("%A")
        yield f"{name} · hour", (moments.dt.hour() + moments.dt.minute() / 60).cast(pl.Float64)
        if time is not None:
            asked = time.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if _zoned(time) else time
            yield f"{name} · age", (asked.dt.epoch("us") - moments.dt.epoch("us")) / DAY
    elif read in MODALITIES:
        yield from _watched(values, feature, read)
    elif read == "category":
        yield name, _levels(values).replace("", None)
    else:
        numbers = values.cast(pl.Float64)
        yield name, numbers.set(~numbers.is_finite().fill_null(True), None)


def _levels(values: pl.Series) -> pl.Series:
    """A category's values as text; the log holds whole numbers as floats, and 1.0 is the level that 1 is."""
    if values.dtype.is_float():
        whole = values.cast(pl.Int64, strict=False)
        if (whole.cast(pl.Float64) == values).fill_null(True).all():
            values = whole
    return values.cast(pl.String)


def _watched(values: pl.Series, feature: Feature | None, read: FeatureKind) -> Views:
    if feature is None:  # a text that only declared features are made of
        names, numbers = words.WATCHED, words.watched(values)
    else:
        names, numbers = MODALITIES[read].watched, MODALITIES[read].drift_view(feature, values)
    for place, view in enumerate(names):
        yield f"{values.name} · {view}", pl.Series(numbers[:, place]).fill_nan(None)


def of_media(rows: pl.DataFrame, feature: Feature | None, name: str, load: Load | None) -> Views:
    if feature is None or name not in rows.columns:
        return
    values = rows[name]
    if values.dtype == pl.String:
        if load is None:
            return
        values = pl.Series(name, [_loaded(load, digest) for digest in values], pl.Binary)
    if values.dtype == pl.Binary:
        yield from _watched(values, feature, feature.kind)


def _loaded(load: Load, digest: str | None) -> bytes | None:
    """The bytes; None when they are gone, as those of old rows are."""
    try:
        return None if digest is None else load(digest)
    except DataError:
        return None


def of_answers(rows: pl.DataFrame, card: ModelCard) -> Views:
    """What was answered: as the log holds it, or as `Scorer.predict` gives it."""
    classes = card.target.classes
    answered = next((rows[name] for name in ("__prediction__", "prediction") if name in rows.columns), None)
    if answered is not None:
        yield "prediction", answered.cast(pl.String if classes else pl.Float64)
    if not classes:
        return
    if "__outputs__" in rows.columns:
        each = [rows["__outputs__"].list.get(place, null_on_oob=True) for place in range(len(classes))]
    elif all(f"probability_{name}" in rows.columns for name in classes):
        each = [rows[f"probability_{name}"] for name in classes]
    else:
        return
    for name, values in zip(classes, each, strict=True):
        yield f"probability · {name}", values.cast(pl.Float64)
    yield "confidence", pl.DataFrame([values.alias(str(place)) for place, values in enumerate(each)]).max_horizontal()


def read_as(feature: Feature | None, kind: str) -> FeatureKind:
    """As what the values are looked at: as the model does, else by their type."""
    if feature is not None:
        read = feature.kind
        return "category" if read == "boolean" else read
    if kind in ("date", "text", "image", "sound"):
        return "text" if kind == "text" else "date" if kind == "date" else "image" if kind == "image" else "sound"
    return "category" if kind == "boolean" else "number"


def of_hashes(present: pl.Series | None, n_rows: int) -> pl.Series:
    """1 where there is a value: of a hash nothing else can drift than whether it is there."""
    if present is None:
        return pl.Series([None] * n_rows, dtype=pl.Float64)
    return present.cast(pl.Float64).replace(0.0, None)


def _zoned(time: pl.Series) -> bool:
    return isinstance(time.dtype, pl.Datetime) and time.dtype.time_zone is not None
