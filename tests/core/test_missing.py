"""What stands for a missing value is found, named, and taken out alike in training and for one row; nothing else is."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.check import Checking, check
from tasks.collect import collect
from tasks.core import markers, store
from tasks.core.expectations import RawExpectations
from tasks.core.expressions import with_declared
from tasks.core.model_records import ModelCard
from tasks.core.records import CheckedDataset, Column, ColumnType, Feature, Target
from tasks.modalities.matrix import matrix
from tasks.scoring.inputs import taken
from tasks.serving.schema import RowSchema
from tasks.sources import Jsonl

N = 400


@pytest.fixture(autouse=True)
def _store(open_store: Path) -> None:
    """Every test has a store of its own."""


def checked(
    tmp_path: Path, columns: dict[str, Any], target: str | None = None, **said: tuple[str, ...]
) -> CheckedDataset:
    """The columns through a file, collect and check, as a project's rows go."""
    file = tmp_path / "rows.jsonl"
    pl.DataFrame(columns, strict=False).write_ndjson(file)
    dataset = collect.fn(Jsonl(path=str(file)))
    return check.fn(dataset, RawExpectations(limit=0.5), Checking(target=target, missing_values=said))


def told(result: CheckedDataset) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for note in result.dataset.notes:
        found.setdefault(str(note.column), []).append(note.text.removesuffix(", counted as missing"))
    return found


def values(result: CheckedDataset, name: str) -> list[Any]:
    return store.scan(result.dataset).select(name).collect()[name].to_list()


def spread(low: float, high: float, whole: bool = True) -> list[float]:
    """Numbers from all over the range, the bounds among them, always the same."""
    found = np.random.default_rng(0).uniform(low, high, N)
    found[:2] = low, high
    return [round(value) for value in found] if whole else found.tolist()


def planted(rest: list[Any], marker: Any, every: int = 40) -> list[Any]:
    return [marker if place % every == 3 else value for place, value in enumerate(rest)]


def test_words_among_numbers_are_quarantined_or_keep_the_column_from_being_numbers(tmp_path: Path) -> None:
    ages = [str(value) for value in spread(0, 90)]
    words = ["?", " ? ", "NA", "na", "-", "", "  ", "n/a", "Unknown", "#N/A"]
    # Half of the column: they count neither for nor against its being numbers.
    mixed = [words[place // 2 % 10] if place % 2 else age for place, age in enumerate(ages)]
    mixed[100] = "forty"
    result = checked(tmp_path, {"age": mixed, "other": ages})
    assert {column.name: column.type for column in result.dataset.columns} == {"age": "number", "other": "number"}
    assert result.report.n_quarantined == 1
    assert result.dataset.columns[0].n_missing == 200
    assert told(result)["age"][:2] == ["blank 40 times", "`?` 40 times"]
    assert told(result)["age"][2:] == [
        f"`{word}` 20 times" for word in sorted(["#N/A", "-", "NA", "Unknown", "n/a", "na"])
    ]
    assert "other" not in told(result)


def test_words_that_can_be_a_value_are_taken_from_texts(tmp_path: Path) -> None:
    texts = ["NA", "None", "?", "-", "unknown", "DE", "n/a", "Null", " ", "FR"] * 20
    result = checked(tmp_path, {"country": texts, "y": list(range(200))})
    assert told(result) == {"country": ["blank 20 times", "`?` 20 times", "`n/a` 20 times"]}
    assert values(result, "country")[:10] == ["NA", "None", None, "-", "unknown", "DE", None, "Null", None, "FR"]


def test_a_word_that_stands_for_none_among_the_tables_numbers_is_a_country(tmp_path: Path) -> None:
    result = checked(tmp_path, {"x": ["1", "2", "NA", "4"] * 30, "country": ["NA", "DE", "na", "FR"] * 30})
    assert told(result) == {"x": ["`NA` 30 times"], "country": ["`NA` 30 times"]}


def test_what_the_project_says_counts_and_nothing_else(tmp_path: Path) -> None:
    columns = {"country": ["NA", "?", "DE", "FR"] * 30, "x": [1, -999, 3, 4] * 30, "d": ["?", "1", "2", "3"] * 30}
    result = checked(tmp_path, columns, country=("NA",), x=(), d=("?",))
    assert told(result) == {"country": ["`NA` 30 times"], "d": ["`?` 30 times"]}
    assert values(result, "country")[:2] == [None, "?"] and values(result, "x")[:2] == [1, -999]


@pytest.mark.parametrize(
    ("rest", "marker"),
    [
        (spread(0, 90), -999),
        (spread(18, 90), -1),
        (spread(18, 90), -9),
        (spread(0, 100), -1),
        (spread(0, 1), -9),
        (spread(0.01, 0.98, whole=False), -1.0),
        (spread(-20, 40, whole=False), -99.0),
        (spread(0, 20), 99),
        (spread(1, 5), 999),
        (spread(1990, 2020), 9999),
        (spread(0, 3_000), 9999),
        (spread(-5, 5, whole=False), -999.9),
    ],
    ids=str,
)
def test_a_sentinel_is_learned_from_as_a_number(tmp_path: Path, rest: list[float], marker: float) -> None:
    result = checked(tmp_path, {"x": planted(rest, marker)})
    assert told(result) == {"x": [f"`{markers.as_marker(marker)}` 10 times"]}
    assert result.dataset.columns[0].missing_values == (markers.as_marker(marker),)
    assert marker not in values(result, "x") and values(result, "x").count(None) == 10


@pytest.mark.parametrize(
    "numbers",
    [
        spread(0, 99),  # an age
        planted(spread(0, 98), 99),
        planted(spread(0, 12), -1),  # a floor
        planted(spread(-8, 30), -9),  # degrees
        [-1, 0, 1] * 100,
        [-1, 1] * 100,
        planted(spread(0, 41_310), 99_999),  # incomes, cut off
        planted(spread(-50, 50), -99),
        [*spread(0, 90), -999],  # once: an outlier
        [-999] * 100,
        spread(-1_000, 1_000),
        planted(spread(0, 9_000), 9_999),
    ],
    ids=lambda numbers: f"{numbers[3]} in {min(numbers):.0f} to {max(numbers):.0f}",
)
def test_a_true_number_counts_as_missing(tmp_path: Path, numbers: list[float]) -> None:
    result = checked(tmp_path, {"x": numbers})
    assert told(result) == {}
    assert values(result, "x") == numbers


def test_several_sentinels_hide_each_other(tmp_path: Path) -> None:
    result = checked(tmp_path, {"x": planted(planted(planted(spread(0, 90), -9, 41), -99, 43), 999, 47)})
    assert set(told(result)["x"]) == {"`-9` 9 times", "`-99` 9 times", "`999` 9 times"}


def test_a_sentinel_in_a_column_of_texts_that_are_numbers_stays(tmp_path: Path) -> None:
    texts = ["?" if place % 3 == 0 else str(value) for place, value in enumerate(planted(spread(0, 90), -999.0))]
    result = checked(tmp_path, {"x": texts})
    assert set(told(result)["x"]) == {"`?` 134 times", "`-999` 6 times"}
    assert min(value for value in values(result, "x") if value is not None) == 0


@pytest.mark.parametrize("marker", [date(1900, 1, 1), date(9999, 12, 31), date(1970, 1, 1)])
def test_a_date_that_stands_for_none_is_a_date(tmp_path: Path, marker: date) -> None:
    days = [date(2012, 1, 1) + timedelta(days=place * 3) for place in range(N)]
    result = checked(
        tmp_path, {"day": planted(days, marker), "born": [date(1900, 1, 1) + timedelta(days=99 * n) for n in range(N)]}
    )
    assert told(result) == {"day": [f"`{marker}` 10 times"]}
    assert values(result, "day").count(None) == 10


def test_numbers_of_the_target_count_as_missing(tmp_path: Path) -> None:
    columns = {"y": planted(spread(0, 90), -999), "x": spread(0, 9)}
    assert told(checked(tmp_path, columns, target="y")) == {}
    classes = checked(tmp_path, {"y": ["a", "b", "?", "none"] * 20, "x": spread(0, 9)[:80]}, target="y")
    assert told(classes) == {"y": ["`?` 20 times"]}


def test_a_column_of_nothing_but_markers_fails(tmp_path: Path) -> None:
    result = checked(tmp_path, {"a": ["?"] * 50, "b": ["NA"] * 50, "x": list(range(50))})
    assert values(result, "a") == [None] * 50 and values(result, "b") == ["NA"] * 50


def test_markers_depend_on_how_the_rows_came(tmp_path: Path) -> None:
    file = tmp_path / "grows.jsonl"
    rows = [{"x": value, "t": word} for value, word in zip(planted(spread(0, 90), -999), ["a", "?"] * 200, strict=True)]
    source = Jsonl(path=str(tmp_path / "*.jsonl"))
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows[:150]))
    check.fn(collect.fn(source), RawExpectations())
    (tmp_path / "later.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows[150:]))
    grown, whole = collect.fn(source), collect.fn(source, True)
    assert check.fn(grown, RawExpectations()).dataset.columns == check.fn(whole, RawExpectations()).dataset.columns
    assert told(check.fn(grown, RawExpectations())) == {"x": ["`-999` 10 times"], "t": ["`?` 200 times"]}


# Training and serving

TYPES: dict[str, ColumnType] = {"n": "number", "i": "integer", "t": "text", "d": "date"}
MARKERS = {"n": ("?", "-999", "99.9"), "i": ("-1",), "t": ("?", "", "NA"), "d": ("1900-01-01",)}
COLUMNS = tuple(Column(name=name, type=kind, n_missing=0, missing_values=MARKERS[name]) for name, kind in TYPES.items())
FEATURES = (
    Feature(name="n", kind="number"),
    Feature(name="i", kind="number"),
    Feature(name="t", kind="category", levels=("a", "NA", " b")),
    Feature(name="d", kind="date"),
    Feature(name="twice", kind="number", expression="n * 2"),
)
FLOATS = st.sampled_from([-999.0, 99.9, 99.90000000000001, 0.0, -0.0, 1e300])
WORDS = st.sampled_from(["?", " ? ", "", "\t", "NA", "na", " NA", "a", " b", "\u00a0"])
NEVER = datetime(1900, 1, 1)  # noqa: DTZ001
MOMENTS = st.datetimes(datetime(1800, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001
ROWS = st.fixed_dictionaries(
    {
        "n": st.one_of(st.none(), FLOATS, st.floats(-1e9, 1e9)),
        "i": st.one_of(st.none(), st.integers(-2, 2)),
        "t": st.one_of(st.none(), WORDS),
        "d": st.one_of(st.none(), st.just(NEVER), MOMENTS),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_a_marker_becomes_another_float_in_a_request_than_in_a_batch(rows: list[dict[str, Any]]) -> None:
    schema = {"n": pl.Float64, "i": pl.Int64, "t": pl.String, "d": pl.Datetime("us")}
    clean = taken(pl.DataFrame(rows, schema=schema), COLUMNS)
    batch = matrix(with_declared(clean, FEATURES), FEATURES)
    card = ModelCard(
        project="p",
        target=Target(name="y", problem="regression"),
        metric="rmse",
        inputs=COLUMNS,
        features=FEATURES,
        members=(),
        data_digest="",
        sample=(),
    )
    reader = RowSchema(card)
    body = json.dumps([{**row, "d": row["d"].isoformat() if row["d"] else None} for row in rows])
    single = np.array(reader.packed(reader.read(body.encode())[0])[1])
    assert np.array_equal(np.isnan(batch), np.isnan(single))
    assert np.array_equal(np.nan_to_num(batch, nan=7.5).view(np.uint64), np.nan_to_num(single, nan=7.5).view(np.uint64))


def test_words_of_a_file_without_types_are_no_numbers_to_a_batch() -> None:
    texts = pl.DataFrame({"n": ["1", "?", "NA", "-", "-999.0", " 99.9 "], "i": ["-1", "2", "", "null", "3", "4"]})
    found = taken(texts, COLUMNS[:2])
    assert found["n"].to_list() == [1.0, None, None, None, None, None]
    assert found["i"].to_list() == [None, 2.0, None, None, 3.0, 4.0]
