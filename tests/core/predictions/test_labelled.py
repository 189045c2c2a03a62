"""Answered rows as training rows: each once, in the source's types, and never one that the source has."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.core import arrow, outcomes, store
from tasks.core.census import Census
from tasks.core.outcomes import Outcome
from tasks.core.predictions import layout, media
from tasks.core.predictions.frames import rows_frame
from tasks.core.predictions.labelled import Labelled, extended
from tasks.core.predictions.masking import home_key, masker
from tasks.core.predictions.moments import microseconds
from tasks.core.predictions.segment import Header, Segment
from tasks.core.records import Column, ColumnType, Dataset
from tasks.monitoring import windows
from tasks.monitoring.windows import Judged

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLUMNS: dict[str, ColumnType] = {"age": "integer", "port": "text", "rich": "boolean"}
SOURCE = pl.DataFrame(
    {
        "ticket": ["t1", "t2", "t3", "t4"],
        "age": [30, 41, 52, 63],
        "port": ["S", "C", "S", "Q"],
        "rich": [True, False, True, False],
        "note": ["a", "b", "c", "d"],
        "fate": ["lost", "saved", "lost", "saved"],
    }
)
Log = Callable[..., list[str]]


def dataset(frame: pl.DataFrame) -> Dataset:
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    schema = arrow.normal_schema(table.schema, "the test")
    census = Census(schema, find_numbers=True)
    parts = store.put_parts(census.counting(table.cast(schema).to_batches()), schema)
    return store.dataset("raw", parts, census.columns())


def rows(found: Dataset) -> pl.DataFrame:
    return store.scan(found).collect()


@pytest.fixture
def log(open_store: Path) -> Log:
    """A function that logs rows, a second one after the other, and gives their ids."""
    counter = iter(range(1_000))

    def logged(
        *values: tuple[Any, ...],
        role: str = "champion",
        keys: list[str | None] | None = None,
        at: datetime = NOON,
        columns: dict[str, ColumnType] = COLUMNS,
        **treatment: Any,
    ) -> list[str]:
        folder = layout.folder_of(open_store, "ship")
        found = tuple(Column(name=name, type=kind, n_missing=0) for name, kind in columns.items())
        kept, mask, _ = masker(found, treatment, home_key(open_store), folder)
        prefix = f"{next(counter):06x}"
        header = Header(
            project="ship",
            version="1",
            digest="5f" * 32,
            role=role,  # pyright: ignore[reportArgumentType]
            problem="binary",
            classes=("lost", "saved"),
            columns=kept,
            hashed=tuple(name for name, what in treatment.items() if what == "hash"),
            prefix=prefix,
        )
        segment = Segment.create(folder, header)
        masked = [mask(each) if mask else each for each in values]
        n_rows = len(values)
        segment.append(rows_frame(0, microseconds(at), 5, masked, [(0.5, 0.5)] * n_rows, ["lost"] * n_rows, keys))
        segment.close()
        return [f"{prefix}-{number:x}" for number in range(n_rows)]

    return logged


def known(*pairs: tuple[str, Any], at: datetime | None = None) -> None:
    outcomes.add("ship", [Outcome(id=id_, outcome=outcome, at=at) for id_, outcome in pairs])


def told(found: Dataset) -> str:
    return " | ".join(f"{note.n_rows} {note.column or ''} {note.text}" for note in found.notes)


SHIP = Labelled(project="ship", target="fate")


def test_an_answered_row_becomes_a_row_of_the_source_by_its_last_outcome(open_store: Path, log: Log) -> None:
    source = dataset(SOURCE)
    first, second, _ = log((22, "S", True), (23, "C", None), (24, "Q", False))
    known((first, "lost"), (second, "lost"), at=NOON)
    known((second, "saved"), at=NOON.replace(hour=14))
    found = extended(source, SHIP)
    assert found.parts[0] == source.parts[0], "what was collected is not written again"
    new = rows(found)[4:]
    assert rows(found).schema == SOURCE.schema
    assert new.select("age", "port", "rich", "fate").rows() == [(22, "S", True, "lost"), (23, "C", None, "saved")]
    assert new["ticket"].null_count() == 2 and "ticket, note" in told(found)
    assert next(column for column in found.columns if column.name == "rich").n_missing == 1
    assert extended(source, SHIP) == found, "nothing new: the same record, to the byte"


def test_a_row_counts_once_although_shadow_and_canary_answered_too(open_store: Path, log: Log) -> None:
    ids = log((22, "S", True)) + log((22, "S", True), role="shadow") + log((25, "S", True), role="canary")
    known(*((each, "lost") for each in ids))
    assert rows(extended(dataset(SOURCE), SHIP))[4:]["age"].to_list() == [22, 25]


def test_what_the_source_has_does_not_come_a_second_time(open_store: Path, log: Log) -> None:
    ids = log((30, "S", True), (30, "S", True), (41, "C", True))
    known((ids[0], "lost"), (ids[1], "saved"), (ids[2], "saved"))
    found = extended(dataset(SOURCE), SHIP)
    assert rows(found)[4:].select("age", "fate").rows() == [(30, "saved"), (41, "saved")]
    assert "1  rows of the prediction log that the source holds already; left out" in told(found)
    keyed = SHIP.model_copy(update={"key": ("ticket",)})
    ids = log((22, "S", True), (30, "S", True), keys=["t2", "t9"])
    known((ids[0], "lost"), (ids[1], "lost"))
    new = rows(extended(dataset(SOURCE), keyed))[4:].drop_nulls("ticket")
    assert new.select("ticket", "age").rows() == [("t9", 30)], "of a key, equal to the row of another"


def test_nothing_is_learnt_from_a_day_whose_feed_was_broken(open_store: Path, log: Log) -> None:
    ids = log((22, "S", True)) + log((2200, "S", True), at=NOON + timedelta(days=1))
    known(*((each, "lost") for each in ids))
    day = NOON.replace(hour=0) + timedelta(days=1)
    judged = Judged(start=day, end=day + timedelta(days=1), n_rows=1, outcomes="", daily=None, report="{}")
    windows.write("ship", "0d" * 32, judged)
    assert rows(extended(dataset(SOURCE), SHIP))[4:]["age"].to_list() == [22, 2200], "it was another model's day"
    windows.write("ship", "5f" * 32, judged)
    found = extended(dataset(SOURCE), SHIP)
    assert rows(found)[4:]["age"].to_list() == [22]
    assert "1  rows of the prediction log of days whose feed was broken; left out" in told(found)


def test_a_hashed_column_is_missing_yet_tells_rows_of_the_source_apart(open_store: Path, log: Log) -> None:
    ids = log((30, "S", True), (30, "C", True), port="hash")
    known(*((each, "lost") for each in ids))
    found = extended(dataset(SOURCE), SHIP)
    assert rows(found)[4:].select("age", "port").rows() == [(30, None)], "the row with S is the source's"
    assert "1 port hashed in the prediction log" in told(found) and "{port: keep}" in told(found)
    needed = SHIP.model_copy(update={"needed": ("port",)})
    found = extended(dataset(SOURCE), needed)
    assert len(rows(found)) == 4 and "without port, which the log does not hold" in told(found)


@pytest.mark.parametrize("kind", [pl.Date, pl.Datetime("us")])
def test_a_row_without_its_time_gets_the_one_at_which_it_was_asked(open_store: Path, log: Log, kind: Any) -> None:
    known(*((each, "lost") for each in log((22, "S", True))))
    days = pl.Series("asked", [date(2026, 1, day) for day in range(1, 5)]).cast(kind)
    found = extended(dataset(SOURCE.with_columns(days)), SHIP.model_copy(update={"time": "asked"}))
    assert rows(found)["asked"][-1] == pl.Series([NOON.replace(tzinfo=None)]).cast(kind)[0]
    numbered = dataset(SOURCE.with_columns(week=pl.Series([1, 2, 3, 4])))
    found = extended(numbered, SHIP.model_copy(update={"time": "week"}))
    assert found.n_rows == 4 and "without week, which the log does not hold" in told(found)


def test_an_outcome_that_is_no_class_of_the_source_makes_no_new_class(open_store: Path, log: Log) -> None:
    ids = log((22, "S", True), (23, "S", True))
    known((ids[0], "lsot"), (ids[1], "lost"))
    found = extended(dataset(SOURCE), SHIP)
    assert rows(found)[4:]["age"].to_list() == [23] and "whose outcome is no fate of the source" in told(found)


def test_images_come_with_their_bytes_and_are_known_by_them(open_store: Path, log: Log) -> None:
    source = dataset(pl.DataFrame({"face": [b"one", b"two"], "fate": ["lost", "saved"]}))
    ids = log((b"one",), (b"three",), (b"four",), columns={"face": "image"})
    known(*((each, "lost") for each in ids))
    digest = hashlib.sha256(b"four").hexdigest()
    media.path_of(layout.folder_of(open_store, "ship"), digest).unlink()
    found = extended(source, SHIP)
    assert rows(found)["face"].to_list() == [b"one", b"two", b"three"]
    assert "whose face is gone" in told(found)


def test_a_stratified_split_whose_rows_would_move_takes_none(open_store: Path, log: Log) -> None:
    known(*((each, "lost") for each in log((22, "S", True))))
    found = extended(dataset(SOURCE), SHIP.model_copy(update={"unplaced": True}))
    assert found.n_rows == 4 and "stratified" in told(found)
