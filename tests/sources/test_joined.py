"""Several sources as one table: rows that are multiplied, lost, moved, or find nothing without a word."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from pydantic import TypeAdapter

from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import DataError, ProjectError
from tasks.project import Project, load_project

pytestmark = pytest.mark.usefixtures("open_store")

TRIPS = pl.DataFrame({"trip": [3, 1, 2, 4], "plate": ["b", "a", None, "x"], "day": ["2024-01-0" + d for d in "2112"]})
PLANES = pl.DataFrame({"plate": ["a", "b", "c", None], "seats": [10, 20, 30, 40]})
WEATHER = pl.DataFrame({"date": ["2024-01-01", "2024-01-02"], "rain": [0.5, 1.5]}).with_columns(
    pl.col("date").str.to_date()
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    TRIPS.write_csv(tmp_path / "trips.csv")
    WEATHER.write_parquet(tmp_path / "weather.parquet")
    with closing(sqlite3.connect(tmp_path / "planes.sqlite")) as connection:
        connection.execute("create table planes (plate text, seats integer)")
        connection.executemany("insert into planes values (?, ?)", PLANES.rows())
        connection.commit()
    return tmp_path


def project(folder: Path, *sources: str) -> Project:
    lines = "".join(f"  - {source}\n" for source in sources)
    (folder / "project.yaml").write_text(f"name: trips\ntarget: trip\nsource:\n{lines}")
    return load_project(folder)


MAIN = "{kind: csv, path: trips.csv}"
BY_PLATE = "{kind: sql, path: planes.sqlite, on: plate%s}"
BY_DAY = "{kind: parquet, path: weather.parquet, on: {day: date}}"


def test_rows_are_moved_lost_or_given_what_is_not_theirs(folder: Path) -> None:
    said = project(folder, MAIN, BY_PLATE % "", BY_DAY)
    assert said.source.title == "trips.csv with planes.sqlite, weather.parquet"
    dataset = collect.fn(said.source)  # type: ignore[arg-type]
    expected = TRIPS.with_columns(
        pl.col("day").str.to_date(), pl.Series("seats", [20, 10, None, None]), pl.Series("rain", [1.5, 0.5, 0.5, 1.5])
    )
    assert store.scan(dataset).collect().equals(expected)
    assert [note.text for note in dataset.notes] == [
        "2 rows find nothing in planes.sqlite and have missing values there"
    ]
    assert collect.fn(said.source) == dataset  # type: ignore[arg-type]
    adapter = TypeAdapter(type(said.source))
    assert adapter.validate_json(said.source.model_dump_json()) == said.source


def test_an_inner_join_keeps_what_finds_nothing_or_does_not_tell(folder: Path) -> None:
    dataset = collect.fn(project(folder, MAIN, BY_PLATE % ", join: inner").source)  # type: ignore[arg-type]
    assert store.scan(dataset).collect()["trip"].to_list() == [3, 1]
    assert dataset.notes[0].n_rows == 2 and "left out" in dataset.notes[0].text


def test_many_rows_leave_their_order(folder: Path) -> None:
    n = 400_000
    pl.DataFrame({"trip": range(n), "key": [i * 7919 % n for i in range(n)]}).write_parquet(folder / "main.parquet")
    pl.DataFrame({"key": range(n), "value": range(n)}).write_parquet(folder / "right.parquet")
    said = project(folder, "{kind: parquet, path: main.parquet}", "{kind: parquet, path: right.parquet, on: key}")
    frame = store.scan(collect.fn(said.source)).collect()  # type: ignore[arg-type]
    assert frame["trip"].to_list() == list(range(n)) and frame["value"].equals(frame["key"].rename("value"))


@pytest.mark.parametrize(
    ("right", "message"),
    [
        ({"plate": ["a", "a"], "seats": [1, 2]}, r"the key plate = 'a' in 2 rows"),
        ({"plate": ["q", "r"], "seats": [1, 2]}, r"No row finds its own in right.parquet"),
        ({"plate": [1, 2], "seats": [1, 2]}, r"'plate' cannot be compared .*: expected string, found int64"),
        ({"plates": ["a", "b"], "seats": [1, 2]}, r"no column 'plate' to join on. Perhaps 'plates' is meant"),
        ({"plate": ["a", "b"], "day": [1, 2]}, r"Column 'day' of right.parquet is there already.*prefix"),
    ],
)
def test_rows_are_multiplied_or_find_nothing_without_a_word(right: dict[str, Any], message: str, folder: Path) -> None:
    pl.DataFrame(right).write_parquet(folder / "right.parquet")
    said = project(folder, MAIN, "{kind: parquet, path: right.parquet, on: plate}")
    with pytest.raises(DataError, match=message):
        collect.fn(said.source)  # type: ignore[arg-type]


def test_columns_of_the_same_name_cannot_be_told_apart(folder: Path) -> None:
    pl.DataFrame({"plate": ["a"], "day": [1]}).write_parquet(folder / "right.parquet")
    said = project(folder, MAIN, "{kind: parquet, path: right.parquet, on: [plate], prefix: plane_}")
    assert store.scan(collect.fn(said.source)).collect().columns == ["trip", "plate", "day", "plane_day"]  # type: ignore[arg-type]


def test_a_mistake_in_a_list_of_sources_is_a_traceback(folder: Path) -> None:
    for sources in ([], [MAIN], [MAIN, "{kind: csv, path: x.csv}"], [MAIN, "{kind: nosuch, on: a}"], ["3", "4"]):
        with pytest.raises(ProjectError, match="source"):
            project(folder, *sources)
    assert yaml.safe_load("{on: a}") == {True: "a"}  # why the word is looked for under this name too
