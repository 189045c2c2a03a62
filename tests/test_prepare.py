"""Preparation: nothing of the test leaks into training, every choice has a reason, and what cannot be is refused."""

from __future__ import annotations

import datetime
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import DataError, UsageError
from tasks.core.records import CheckedDataset, Dataset, QualityReport, Splits
from tasks.prepare import Preparation, prepare
from tasks.sources import Parquet

pytestmark = pytest.mark.usefixtures("open_store")


def collected(frame: pl.DataFrame, folder: Path) -> Dataset:
    frame.write_parquet(folder / "rows.parquet")
    return collect.fn(Parquet(path=folder / "rows.parquet"))


def prepared(frame: pl.DataFrame, folder: Path, **said: Any) -> Splits:
    dataset = collected(frame, folder)
    report = QualityReport(suite="raw", n_rows=len(frame), evaluated=1, failed=(), n_quarantined=0, quarantined=None)
    return prepare.fn(CheckedDataset(dataset=dataset, report=report), Preparation(**{"target": "y", **said}))


def parts(splits: Splits) -> dict[str, pl.DataFrame]:
    return {part.name: store.scan(part).collect() for part in (splits.train, splits.validation, splits.test)}


def table(n_rows: int = 300, **columns: Any) -> pl.DataFrame:
    every = {"x": [i + 0.5 for i in range(n_rows)], "y": [i % 2 for i in range(n_rows)], **columns}
    return pl.DataFrame(every, strict=False)


def notes(splits: Splits) -> dict[tuple[str, str | None], tuple[int, str]]:
    return {(note.kind, note.column): (note.n_rows, note.text) for note in splits.notes}


# What stands in the splits


def test_when_a_row_came_stays_beside_rows_whose_model_does_not_see_it(tmp_path: Path) -> None:
    frame = table(when=[datetime.date(2026, 1, 1) + datetime.timedelta(i // 50) for i in range(300)])
    without, splits = (
        prepared(frame, tmp_path, drop=["when"], time=time, features={"double": "x * 2"}) for time in (None, "when")
    )
    assert splits.inputs == without.inputs and splits.features == without.features and splits.rule == without.rule
    for name, part in parts(splits).items():
        assert part.drop("when").equals(parts(without)[name])
        assert part["when"].n_unique() == 6
    with pytest.raises(DataError, match=r"`monitor.time` names column 'wen'.*Perhaps 'when' is meant"):
        prepared(frame, tmp_path, time="wen")


def test_the_splits_hold_other_rows_or_columns_than_promised(tmp_path: Path) -> None:
    frame = table(city=[f"city {i % 3}" for i in range(300)], note=["n"] * 300)
    splits = prepared(frame, tmp_path, features={"double": "x * 2"}, drop=["note"])
    for part in parts(splits).values():
        assert part.columns == ["x", "city", "double", "y", "__row__", "__fold__"]
        assert part.schema["__row__"] == pl.UInt64
        assert part.schema["__fold__"] == pl.UInt8
        assert part["x"].is_sorted()
        assert (part["double"] == part["x"] * 2).all()
        assert part["y"].to_list() == [str(int(x) % 2) for x in part["x"]]
    assert [column.name for column in splits.train.columns] == part.columns
    together = sorted(x for part in parts(splits).values() for x in part["x"])
    assert together == frame["x"].to_list()
    assert [feature.name for feature in splits.features] == ["x", "city", "double"]
    assert [column.name for column in splits.inputs] == ["x", "city"]
    assert splits.features[2].expression == "x * 2"
    assert all(feature.reason for feature in splits.features)
    assert notes(splits)["dropped_column", "note"] == (300, "dropped as the project says")


rows = st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None]), st.integers(0, 1))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, max_size=30), st.integers(0, 5))
def test_a_duplicate_straddles_or_a_test_row_comes_into_training(
    tmp_path: Path, later: list[tuple[int, str | None, int]], seed: int
) -> None:
    first = [(i % 40, "ab"[i % 2], i % 2) for i in range(80)]
    where: list[dict[tuple[object, ...], set[str]]] = []
    for found in (first, [*later, *first]):
        frame = pl.DataFrame(found, schema={"n": pl.Int64, "t": pl.String, "y": pl.Int64}, orient="row")
        splits = prepared(frame, tmp_path, seed=seed, duplicates="keep")
        where.append({})
        for name, part in parts(splits).items():
            for row in part.select("n", "t").rows():
                where[-1].setdefault(row, set()).add(name)
    before, after = where
    assert all(len(names) == 1 for names in after.values())
    assert all(after[row] == names for row, names in before.items())


def test_equal_data_give_other_digests(tmp_path: Path) -> None:
    one, two = (prepared(table(), tmp_path) for _ in range(2))
    assert one == two
    assert prepared(table(), tmp_path, seed=1).train.digest != one.train.digest


def test_repeated_rows_count_twice(tmp_path: Path) -> None:
    frame = table()
    twice = pl.concat([frame, frame.head(50), frame.head(7).with_columns(y=1 - pl.col("y"))])
    splits = prepared(twice, tmp_path)
    assert notes(splits)["duplicates", None][0] == 50
    assert sum(len(part) for part in parts(splits).values()) == 307
    kept = prepared(twice, tmp_path, duplicates="keep")
    assert sum(len(part) for part in parts(kept).values()) == 357
    assert ("duplicates", None) not in notes(kept)


def test_rows_without_a_target_are_learned_from(tmp_path: Path) -> None:
    target = [None if i % 10 == 0 else math.inf if i % 10 == 1 else float(i) for i in range(300)]
    splits = prepared(table(y=target), tmp_path, keep=["x"])
    assert splits.target.problem == "regression"
    assert notes(splits)["missing", "y"][0] == 60
    assert sum(part["y"].is_finite().sum() for part in parts(splits).values()) == 240


def test_an_infinite_value_in_a_dropped_column_gives_a_traceback(tmp_path: Path) -> None:
    splits = prepared(table(volume=[math.inf, *map(float, range(299))]), tmp_path, drop=["volume"])
    assert [note.kind for note in splits.notes if note.column == "volume"] == ["dropped_column"]
    declared = prepared(table(z=[math.inf, *map(float, range(299))]), tmp_path, drop=["z"], features={"w": "z + 1"})
    assert ("missing", "z") in notes(declared)


def test_infinite_values_reach_the_model(tmp_path: Path) -> None:
    odd = [math.inf, -math.inf, math.nan]
    splits = prepared(table(z=[odd[i] if i < 3 else float(i % 7) for i in range(300)]), tmp_path)
    assert notes(splits)["missing", "z"][0] == 3
    every = pl.concat(parts(splits).values())["z"]
    assert every.null_count() == 3
    assert every.drop_nulls().is_finite().all()


# Which columns become features, and why


def test_what_can_teach_nothing_becomes_a_feature(tmp_path: Path) -> None:
    n = 300
    splits = prepared(
        table(
            n,
            constant=[7] * n,
            empty=pl.Series([None] * n, dtype=pl.String),
            half=[None if i % 2 else "only" for i in range(n)],
            key=[f"key {i}" for i in range(n)],
            flag=[i % 3 == 0 for i in range(n)],
            day=[datetime.date(2026, 1, 1) + datetime.timedelta(i) for i in range(n)],
            raw=[bytes([i % 5]) for i in range(n)],
            many=[f"level {i % 40}" for i in range(n)],
        ),
        tmp_path,
        keep=["half", "many"],  # they give the target away
    )
    kinds = {feature.name: feature.kind for feature in splits.features}
    assert kinds == {"x": "number", "half": "category", "flag": "boolean", "day": "date", "many": "category"}
    dropped = {column: text for (kind, column), (_, text) in notes(splits).items() if kind == "dropped_column"}
    assert dropped.keys() == {"constant", "empty", "key", "raw"}
    assert dropped["constant"] == "is always 7"
    assert "identifier" in dropped["key"]


def test_levels_are_of_the_test_or_in_another_order(tmp_path: Path) -> None:
    text = [f"of row {i}" if i % 5 == 0 else "bba"[i % 3] for i in range(900)]
    splits = prepared(table(900, t=text), tmp_path)
    train = parts(splits)["train"]
    feature = next(feature for feature in splits.features if feature.name == "t")
    assert feature.levels == ("b", "a")
    n_rare = train["t"].str.starts_with("of").sum()
    assert f"the {n_rare} rarest" in feature.reason


@pytest.mark.parametrize("name", ["n_rows", "count", "text", "len", "name"])
def test_a_column_named_as_ours_is_mixed_up_with_it(tmp_path: Path, name: str) -> None:
    frame = table().rename({"y": name}).with_columns(z=pl.Series(["a", "b", "b"] * 100))
    assert prepared(frame, tmp_path, target=name).target.classes == ("0", "1")
    frame = table().with_columns(pl.Series(name, ["a", "b", "b"] * 100))
    assert prepared(frame, tmp_path).features[1].levels == ("b", "a")


def test_more_levels_than_a_tree_holds_are_kept(tmp_path: Path) -> None:
    text = [f"level {(i * i) % 997 % 300}" for i in range(9000)]
    splits = prepared(table(9000, t=text), tmp_path)
    feature = next(feature for feature in splits.features if feature.name == "t")
    counts = parts(splits)["train"]["t"].value_counts().sort(["count", "t"], descending=[True, False])
    assert feature.levels == tuple(counts["t"].to_list()[:254])
    even = prepared(table(9000, t=[f"{(i * 7919) % 2000}" for i in range(9000)]), tmp_path, keep=["t"])
    spread = next(feature for feature in even.features if feature.name == "t")
    assert spread.levels == () and spread.treatment.encode == "hash" and spread.treatment.buckets > 2000


# The target


@pytest.mark.parametrize(
    ("target", "said", "problem", "classes"),
    [
        (["no", "yes", "no"], None, "binary", ("no", "yes")),
        ([True, False, False], None, "binary", ("false", "true")),
        ([1, 2, 3], None, "multiclass", ("1", "2", "3")),
        ([10, 9, 8], None, "multiclass", ("10", "8", "9")),
        ([0.0, 1.0, 1.0], None, "binary", ("0", "1")),
        ([0.5, 1.0, 1.0], None, "regression", ()),
        ([1.0, 2.0, 3.0], None, "regression", ()),
        ([1.0, 2.0, 3.5], "classification", "multiclass", ("1", "2", "3.5")),
        ([1, 2, 3], "regression", "regression", ()),
        ([1, 2, 2], "binary", "binary", ("1", "2")),
    ],
)
def test_the_problem_is_taken_for_another(
    tmp_path: Path, target: list[object], said: str | None, problem: str, classes: tuple[str, ...]
) -> None:
    splits = prepared(table(y=target * 100), tmp_path, problem=said)
    assert (splits.target.problem, splits.target.classes) == (problem, classes)
    assert splits.target.reason
    found = pl.concat(parts(splits).values())["y"]
    if classes:
        assert set(found) == set(classes)
    else:
        assert found.dtype == pl.Float64


def test_many_whole_numbers_are_classes(tmp_path: Path) -> None:
    assert prepared(table(y=[i % 21 for i in range(300)]), tmp_path).target.problem == "regression"
    assert prepared(table(y=[i % 20 for i in range(300)]), tmp_path).target.problem == "multiclass"
    assert prepared(table(100, y=[i % 20 for i in range(100)]), tmp_path).target.problem == "regression"


@pytest.mark.parametrize(
    ("target", "said", "parts_of_message"),
    [
        ([3] * 300, {}, ["'y' cannot be learned", "at least 2 different values", "300 times 3"]),
        (pl.Series([None] * 300, dtype=pl.Float64), {}, ["'y' cannot be learned", "no value at all"]),
        (["rare"] + ["a", "b"] * 150, {}, ["Class 'rare' of target 'y' is too rare", "at least 5", "found 1"]),
        ([f"name {i}" for i in range(300)], {}, ["looks like an identifier", "300 different values in 300 rows"]),
        (["a", "b"] * 150, {"problem": "regression"}, ["cannot be a regression's", "'a'"]),
        (["a", "b", "c"] * 100, {"problem": "binary"}, ["'y' is not binary", "3 classes: a, b, c"]),
        ([b"\x00", b"\x01"] * 150, {}, ["numbers or classes"]),
    ],
)
def test_a_target_that_cannot_be_learned_is_tried(
    tmp_path: Path, target: Any, said: dict[str, Any], parts_of_message: list[str]
) -> None:
    frame = pl.DataFrame({"x": [float(i) for i in range(len(target))], "y": target})
    with pytest.raises(DataError) as failure:
        prepared(frame, tmp_path, **said)
    for part in parts_of_message:
        assert part in str(failure.value)


def test_a_class_that_training_never_sees_is_accepted(tmp_path: Path) -> None:
    days = [datetime.date(2026, 1, 1) + datetime.timedelta(i) for i in range(300)]
    target = ["new" if i >= 280 else "ab"[i % 2] for i in range(300)]
    with pytest.raises(DataError, match="Class 'new' of target 'y' has no training row"):
        prepared(table(y=target, day=days), tmp_path, split={"by": "time", "column": "day"})


# The project's words


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"target": "yy"}, "`target` names column 'yy'.*Perhaps 'y' is meant"),
        ({"target": "quite else"}, "The columns are x, y, city"),
        ({"drop": ["CITTY"]}, "`drop` names column 'CITTY'.*Perhaps 'city' is meant"),
        ({"split": {"by": "group", "column": "town"}}, "`split` names column 'town'"),
        ({"split": {"by": "time", "column": "city"}}, "by the time in 'city'.*expected dates or numbers.*'city 0'"),
        ({"features": {"city": "lower(city)"}}, "'city' stands for a feature and for a column"),
        ({"features": {"more": "lower(citty)"}}, "no column 'citty'(?s:.*)Perhaps 'city' is meant"),
        ({"features": {"more": "x + city"}}, "takes number here, and this is text"),
        ({"features": {"leak": "y * 2"}}, "needs the target 'y'"),
        ({"drop": ["x", "city"]}, "No column can be a feature"),
    ],
)
def test_words_that_the_data_contradict_are_taken(tmp_path: Path, said: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prepared(table(city=[f"city {i % 3}" for i in range(300)]), tmp_path, **said)


@pytest.mark.parametrize("n_rows", [1, 2])
def test_too_few_rows_are_split(tmp_path: Path, n_rows: int) -> None:
    with pytest.raises(DataError):
        prepared(pl.DataFrame({"x": range(n_rows), "y": [i / 2 for i in range(n_rows)]}), tmp_path)


def test_a_dozen_rows_leave_a_part_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"too few groups to split.*none of them for"):
        prepared(table(g=["one"] * 300), tmp_path, split={"by": "group", "column": "g"})


# Other splits


def test_a_group_straddles(tmp_path: Path) -> None:
    frame = table(3000, city=[f"city {i % 60}" for i in range(3000)])
    splits = prepared(frame, tmp_path, split={"by": "group", "column": "city"})
    cities = [set(part["city"]) for part in parts(splits).values()]
    assert all(cities)
    assert sum(map(len, cities)) == 60
    folds = parts(splits)["train"].group_by("city").agg(pl.col("__fold__").n_unique())
    assert folds["__fold__"].max() == 1
    assert "city" not in {feature.name for feature in splits.features}
    assert splits.time_column is None


@pytest.mark.parametrize("kind", [pl.Date, pl.Datetime("ms"), pl.Float64])
def test_training_rows_are_newer_than_test_rows(tmp_path: Path, kind: Any) -> None:
    days = pl.Series([None if i == 5 else (i * 7) % 100 for i in range(1000)], dtype=pl.Int32)
    splits = prepared(table(1000, when=days.cast(kind)), tmp_path, split={"by": "time", "column": "when"})
    train, validation, test = (part["when"] for part in parts(splits).values())
    assert train.max() < validation.min() <= validation.max() < test.min()
    assert len(test) == 200
    assert notes(splits)["missing", "when"][0] == 1
    assert splits.time_column == "when"
    assert not any(feature.treatment.trend for feature in splits.features if feature.name == "when")


def test_a_declared_feature_cannot_be_made_of_dropped_columns(tmp_path: Path) -> None:
    frame = table(name=[f"{'Mr' if i % 3 else 'Dr'} number {i}" for i in range(300)])
    splits = prepared(frame, tmp_path, features={"title": "extract(name, '^([A-Z][a-z]+) ')"}, drop=["name"])
    title = next(feature for feature in splits.features if feature.name == "title")
    assert (title.kind, title.levels) == ("category", ("Mr", "Dr"))
    assert [column.name for column in splits.inputs] == ["x", "name"]
    assert "name" not in {feature.name for feature in splits.features}


def test_names_of_other_scripts_break_the_way_through(tmp_path: Path) -> None:
    frame = table().rename({"x": 'größe "m²"'}).rename({"y": "日本 'y'"})
    splits = prepared(frame, tmp_path, target="日本 'y'", features={"ln x": 'log(`größe "m²"`)'})
    assert [feature.name for feature in splits.features] == ['größe "m²"', "ln x"]


@pytest.mark.slow
def test_ten_thousand_columns_take_minutes(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 11, (60, 10_000)).astype(np.float64)
    frame = pl.DataFrame(values, schema=[f"column {i}" for i in range(10_000)])
    splits = prepared(frame.with_columns(y=pl.Series([i % 2 for i in range(60)])), tmp_path)
    assert len(splits.features) > 9000


# Texts


def sentences(n_rows: int = 400) -> pl.DataFrame:
    words = [
        "tide",
        "lamp",
        "rust",
        "glove",
        "pepper",
        "march",
        "violin",
        "brick",
        "sugar",
        "harbour",
        "stone",
        "paper",
    ]
    pick = random.Random(0)
    different = [" ".join(pick.sample(words, 9)) for _ in range(n_rows // 4)]
    said = [different[n // 4] for n in range(n_rows)]
    forms = (str, str.upper, lambda text: f"  {text.replace(' ', '   ')}", str)  # the last is a mere copy
    return pl.DataFrame(
        {"t": [forms[n % 4](text) for n, text in enumerate(said)], "y": [n % 8 // 4 for n in range(n_rows)]}
    )


def test_a_message_is_tested_that_was_seen_in_capitals_or_with_other_spaces(tmp_path: Path) -> None:
    splits = prepared(sentences(), tmp_path)
    assert sum(len(frame) for frame in parts(splits).values()) == 300
    places: dict[str, set[tuple[str, int]]] = {}
    for name, frame in parts(splits).items():
        for text, fold in frame.select("t", "__fold__").rows():
            places.setdefault("".join(text.lower().split()), set()).add((name, fold))
    assert len(places) == 100 and all(len(found) == 1 for found in places.values())
    assert '"near": {"keep_together": [["text", "t"]]}' in splits.rule
    assert splits.near == ("t",)


def test_a_column_is_read_otherwise_than_the_project_says(tmp_path: Path) -> None:
    frame = sentences().with_columns(code=pl.Series([n % 7 for n in range(400)]))
    splits = prepared(frame, tmp_path, columns={"t": "category", "code": "category"}, duplicates="keep", keep=["t"])
    assert {feature.name: feature.kind for feature in splits.features} == {"t": "category", "code": "category"}
    assert "near" not in splits.rule
    with pytest.raises(DataError, match="Perhaps 'code' is meant"):
        prepared(frame, tmp_path, columns={"kode": "category"})
