"""Hazards: planted leaks are found whatever rows and columns are called, and honest and random columns stay."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.collect import collect
from tasks.core.errors import DataError
from tasks.core.records import CheckedDataset, QualityReport, Splits, Target
from tasks.examining.copies import copies
from tasks.examining.identifiers import identifiers
from tasks.examining.leaks import leaks
from tasks.examining.sampled import Sample, answered
from tasks.examining.sums import sums
from tasks.prepare import Preparation, prepare
from tasks.sources import Parquet

pytestmark = pytest.mark.usefixtures("open_store")
N = 600


def prepared(frame: pl.DataFrame, folder: Path, **said: Any) -> Splits:
    frame.write_parquet(folder / "rows.parquet")
    dataset = collect.fn(Parquet(path=folder / "rows.parquet"))
    report = QualityReport(suite="raw", n_rows=len(frame), evaluated=1, failed=(), n_quarantined=0, quarantined=None)
    return prepare.fn(CheckedDataset(dataset=dataset, report=report), Preparation(**{"target": "y", **said}))


def hazards_of(splits: Splits) -> dict[str | None, str]:
    return {note.column: note.text for note in splits.notes if note.kind == "hazard"}


def numbers_table(seed: int = 0, n: int = N) -> pl.DataFrame:
    """Honest columns, of which `good` tells much of the target, and some noise."""
    rng = np.random.default_rng(seed)
    good, other = rng.normal(size=n), rng.normal(size=n)
    y = 3 * good + other + rng.normal(size=n)
    towns = rng.choice(["Ulm", "Bonn", "Kiel"], n)
    return pl.DataFrame({"good": good, "other": other, "town": towns, "count": rng.poisson(900, n), "y": y})


def classes_table(seed: int = 0, n: int = N) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    frame = numbers_table(seed, n)
    chance = 1 / (1 + np.exp(-1.2 * frame["y"].to_numpy()))
    return frame.with_columns(y=pl.Series(np.where(rng.random(n) < chance, "yes", "no")))


def sample_of(frame: pl.DataFrame) -> Sample:
    """The frame as training rows; `y` is the target."""
    y = frame["y"]
    classes = () if y.dtype.is_numeric() else tuple(sorted(y.unique()))
    problem = "regression" if not classes else "binary" if len(classes) == 2 else "multiclass"
    rows = frame.with_columns(pl.Series("__fold__", np.arange(len(frame)) * 7 // 3 % 4))
    inputs = frame.drop("y")
    return answered(rows, inputs, inputs.head(0), Target(name="y", problem=problem, classes=classes), len(frame))


Y = pl.col("y")
OF_NUMBERS: dict[str, pl.Expr] = {
    "the target": Y,
    "a line": 7 - 2 * Y,
    "an exponential": Y.exp(),
    "ranks": Y.rank(),
    "rounded": Y.round(1),
    "as text": Y.round(3).cast(pl.String),
    "within a text": pl.format("about {} EUR in all", Y.round(3)),
    "five bins": (Y.rank("ordinal") * 5 // (N + 1)).cast(pl.String),
    "two bins": Y > 1,
    "some noise": Y + pl.col("noise") * 0.2,
}
OF_CLASSES: dict[str, pl.Expr] = {
    "the target": Y,
    "codes": (Y == "yes").cast(pl.Int64) * 5 - 2,
    "truths": Y == "no",
    "two of a hundred are wrong": pl.when(pl.col("noise") > 2.05).then(pl.lit("no")).otherwise(Y),
    "a number of its own range": pl.when(Y == "yes").then(pl.col("noise").abs()).otherwise(-pl.col("noise").abs()),
    "a path": pl.format("data/{}/{}.txt", Y, pl.int_range(pl.len())),
    "filled for one class": pl.when(Y == "yes").then(pl.col("noise")),
    "missing for one class": pl.when(Y == "no").then(pl.lit("x")),
}


@pytest.mark.parametrize("share", [1.0, 0.5, 0.01])
@pytest.mark.parametrize("table", [numbers_table, classes_table])
def test_squares_of_huge_numbers_overflow(tmp_path: Path, table: Callable[[], pl.DataFrame], share: float) -> None:
    """A number for `missing` such as 1.8e308 is found in real tables; warnings are errors here."""
    rng = np.random.default_rng(1)
    for columns in (["good"], ["good", "other"]):
        huge = pl.Series(rng.choice([1.7e308, 0.9e308, -1.7e308], N))
        rows = pl.Series(rng.random(N) < share)
        frame = table().with_columns(pl.when(rows).then(huge).otherwise(pl.col(name)).alias(name) for name in columns)
        assert "good" in {feature.name for feature in prepared(frame, tmp_path).features}


@pytest.mark.parametrize("kind", OF_NUMBERS)
def test_a_number_is_given_away_and_nobody_says_so(kind: str) -> None:
    frame = numbers_table().with_columns(noise=np.random.default_rng(9).normal(size=N))
    frame = frame.with_columns(leak=OF_NUMBERS[kind]).drop("noise")
    assert leaks(sample_of(frame)).keys() == {"leak"}


@pytest.mark.parametrize("kind", OF_CLASSES)
def test_a_class_is_given_away_and_nobody_says_so(kind: str) -> None:
    frame = classes_table().with_columns(noise=np.random.default_rng(9).normal(size=N))
    frame = frame.with_columns(leak=OF_CLASSES[kind]).drop("noise")
    found = leaks(sample_of(frame))
    assert found.keys() == {"leak"}
    if "filled" in kind:
        assert "another coding" in found["leak"] or "whether it has a value" in found["leak"]


def test_one_of_several_classes_is_given_away() -> None:
    rng = np.random.default_rng(0)
    frame = numbers_table().with_columns(y=pl.Series(rng.choice(["a", "b", "c"], N)))
    found = leaks(sample_of(frame.with_columns(leak=Y == "b")))
    assert found.keys() == {"leak"}
    assert "class 'b' with an AUC of 1" in found["leak"]


@pytest.mark.parametrize("frame", [numbers_table(), classes_table()], ids=["number", "classes"])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_an_honest_column_that_tells_much_is_called_a_leak(frame: pl.DataFrame, share: float) -> None:
    strong = frame.with_columns(good=pl.col("good") * (1 - share))
    assert leaks(sample_of(strong)) == {}


def test_an_honest_column_is_called_a_leak_though_others_tell_the_same() -> None:
    rng = np.random.default_rng(3)
    size = rng.normal(size=N)
    near = {f"view {i}": size + rng.normal(0, 0.02 if i < 2 else 0.1, N) for i in range(6)}
    frame = pl.DataFrame({**near, "y": np.where(size > 0, "large", "small")})
    assert leaks(sample_of(frame)) == {}


changes = st.tuples(st.integers(0, 10**6), st.sampled_from([-40.0, 0.01, 3.0]), st.floats(-100, 100))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes)
def test_another_order_name_or_unit_changes_what_leaks(change: tuple[int, float, float]) -> None:
    seed, slope, offset = change
    rng = np.random.default_rng(77)
    frame = numbers_table(1).with_columns(leak=Y + pl.Series(rng.normal(0, 0.1, N)), part=pl.Series(rng.normal(size=N)))
    frame = frame.with_columns(rest=Y - pl.col("part"))
    order = np.random.default_rng(seed).permutation(N)
    changed = frame[order].with_columns(pl.col("leak", "good", "part", "rest") * slope + offset)
    names = {name: f"v{place}" for place, name in enumerate(frame.columns) if name != "y"}
    sample = sample_of(changed.rename(names))
    assert leaks(sample).keys() == {names["leak"]}
    assert sums(sample, {names["leak"]}).keys() == {names["part"], names["rest"]}


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_called_a_hazard(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(150, 700))
    frame = pl.DataFrame(
        {
            "normal": rng.normal(size=n),
            "skewed": np.round(rng.lognormal(9, 1.2, n)).astype(int),
            "few": rng.integers(0, 5, n),
            "many": rng.integers(0, 3 * n, n),
            "flag": rng.random(n) < 0.1,
            "rare": rng.random(n) < 0.05,
            "level": rng.choice([f"l{i}" for i in range(30)], n),
            "gaps": pl.Series(rng.normal(size=n)).set(pl.Series(rng.random(n) < 0.3), None),
            "day": pl.Series(np.datetime64("2024-01-01") + rng.integers(0, 900, n)),
            "y": rng.normal(size=n) if seed % 2 else rng.choice(["a", "b", "b"], n),
        }
    )
    assert hazards_of(prepared(frame, tmp_path, seed=seed)) == {}


# Sums and products


def test_parts_of_the_target_stay() -> None:
    rng = np.random.default_rng(0)
    parts = {name: rng.poisson(60, N) for name in ("one", "two", "three")}
    frame = numbers_table().drop("y").with_columns(pl.Series(name, of) for name, of in parts.items())
    frame = frame.with_columns(y=sum(pl.Series(part) for part in parts.values()).cast(pl.Float64))
    assert sums(sample_of(frame), set()).keys() == {"one", "two", "three"}
    price = frame.with_columns(y=(pl.col("one") * (pl.col("two") + 1.5)).round(2), two=pl.col("two") + 1.5)
    assert sums(sample_of(price), set()).keys() == {"one", "two"}
    nearly = frame.with_columns(y=Y + pl.Series(rng.normal(0, 2, N)))
    assert sums(sample_of(nearly), set()) == {}


def test_of_a_difference_the_honest_column_goes_too() -> None:
    frame = numbers_table().with_columns(gap=pl.col("other") - Y)
    assert sums(sample_of(frame), set()).keys() == {"gap"}


# Identifiers and copies


def test_numbers_that_name_rows_are_learned_from() -> None:
    rng = np.random.default_rng(0)
    frame = numbers_table().with_columns(
        row=pl.int_range(N) + 7,
        as_float=(pl.int_range(N)).cast(pl.Float64).reverse(),
        drawn=pl.Series(rng.permutation(3 * N)[:N]),
        customer_id=pl.Series(rng.integers(10**9, 10**10, N)),
        large=pl.Series(rng.integers(10**9, 10**10, N)),
        plot_id=pl.Series(rng.integers(0, 20, N)),
        population=pl.Series(np.round(rng.lognormal(8, 1, N)).astype(int)),
    )
    assert identifiers(sample_of(frame)).keys() == {"row", "as_float", "drawn", "customer_id"}


def test_a_column_is_learned_from_twice() -> None:
    rng = np.random.default_rng(0)
    celsius = np.round(rng.normal(12, 8, N), 1)
    frame = numbers_table().with_columns(
        town_code=pl.col("town").replace_strict({"Ulm": 3, "Bonn": 1, "Kiel": 2}),
        latitude=pl.col("town").replace_strict({"Ulm": 48.4, "Bonn": 50.73, "Kiel": 54.32}),
        temp_c=pl.Series(celsius),
        temp_f=pl.Series(np.round(celsius * 1.8 + 32, 1)),
        feels=pl.Series(np.round(celsius * 1.8 + 32 + rng.normal(0, 0.4, N), 1)),
        again=pl.col("other"),
    )
    found = copies(sample_of(frame), set())
    assert found.keys() == {"town_code", "temp_f", "again"}
    assert "`temp_c`: it is 1.8" in found["temp_f"]
    assert found["again"].startswith("repeats `other`")


def test_values_that_never_come_again_are_taken_for_codes_of_each_other() -> None:
    rng = np.random.default_rng(0)
    frame = numbers_table().with_columns(
        one=pl.Series(rng.permutation(N)),
        other_one=pl.Series(rng.permutation(N)),
        subject=pl.Series([f"about {n}" for n in rng.permutation(N)]),
        text=pl.Series([f"it was {n} and more" for n in rng.permutation(N)]),
    )
    assert copies(sample_of(frame), set()) == {}
    again = frame.with_columns(same=pl.col("text"), number=pl.col("one"))
    assert copies(sample_of(again), set()).keys() == {"same", "number"}


# In the whole preparation


def test_a_project_cannot_keep_what_looks_like_a_hazard(tmp_path: Path) -> None:
    frame = numbers_table().with_columns(leak=Y * 2, id=pl.int_range(pl.len()))
    said: dict[str, Any] = {"features": {"copy": "leak + 1", "twice": "good * 2"}}
    splits = prepared(frame, tmp_path, **said)
    assert {each.name for each in splits.features} == {"good", "other", "town", "count", "twice"}
    assert hazards_of(splits).keys() == {"leak", "copy", "id"}
    assert all("`keep: [" in text for text in hazards_of(splits).values())
    assert "leak" not in {column.name for column in splits.inputs}
    kept = prepared(frame, tmp_path, keep=("leak", "copy", "id"), **said)
    assert {"leak", "copy", "id"} <= {each.name for each in kept.features}
    assert all("kept as the project says" in text for text in hazards_of(kept).values())


def test_nothing_but_hazards_is_no_sentence(tmp_path: Path) -> None:
    frame = numbers_table().select("y", leak=Y * 2)
    with pytest.raises(DataError, match="'leak': leaks the target"):
        prepared(frame, tmp_path)


def test_what_differs_by_construction_is_learned_from_when_split_by_time(tmp_path: Path) -> None:
    start = datetime.date(2020, 1, 1)
    frame = numbers_table(n=1500).with_columns(
        day=pl.Series([start + datetime.timedelta(i) for i in range(1500)]),
        years=pl.int_range(1500) / 365.25,
        batch=pl.format("batch {}", pl.int_range(1500) // 10),
        season=pl.int_range(1500) % 365 // 92,
    )
    by_time = hazards_of(prepared(frame, tmp_path, split={"by": "time", "column": "day"}))
    assert by_time.keys() == {"years", "batch"}
    assert hazards_of(prepared(frame.drop("day"), tmp_path)) == {}


def test_a_later_date_or_the_next_rows_answer_is_learned_from(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    day = pl.Series([datetime.datetime(2020, 1, 1) + datetime.timedelta(hours=i) for i in range(1000)])  # noqa: DTZ001
    delay = pl.Series((rng.integers(1, 500, 1000) * 3_600_000_000).astype("timedelta64[us]"))
    frame = numbers_table(n=1000).with_columns(
        day=day,
        closed=day + delay,
        due=day + delay,
        opened=day - delay,
        tomorrow=Y.shift(-1),
        yesterday=Y.shift(1),
    )
    found = hazards_of(prepared(frame, tmp_path, split={"by": "time", "column": "day"}))
    # Dates before and after the moment go on with time, beyond the range of training.
    assert {"closed", "tomorrow"} <= found.keys()
    assert "later than `day`" in found["closed"]
    assert "next row" in found["tomorrow"]
    assert "yesterday" not in found and "later than" not in found.get("due", "")


def test_a_mean_that_the_row_is_part_of_is_taken_for_a_past_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 3000
    group = rng.integers(0, 400, n)
    level = rng.normal(size=400)
    y, past = (level[group] + rng.normal(size=n) for _ in range(2))
    means = [np.bincount(group, of) / np.maximum(np.bincount(group), 1) for of in (y, past)]
    most = np.full(400, -np.inf)
    np.maximum.at(most, group, y)
    frame = pl.DataFrame({"x": rng.normal(size=n), "own": means[0][group], "past": means[1][group], "y": y})
    found = hazards_of(prepared(frame.with_columns(most=pl.Series(most[group])), tmp_path))
    assert found.keys() == {"own", "most"}
    assert "mean over a group" in found["own"] and "largest target of its group" in found["most"]


def test_a_column_that_is_filled_afterwards_is_learned_from(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = classes_table(n=1500).with_columns(draw=pl.Series(rng.random(1500)))
    frame = frame.with_columns(body=pl.when((Y == "no") & (pl.col("draw") < 0.2)).then(pl.int_range(1500)))
    frame = frame.with_columns(honest=pl.when(pl.col("draw") < 0.2).then(pl.col("other"))).drop("draw")
    found = hazards_of(prepared(frame, tmp_path))
    assert found.keys() == {"body"}
    assert "100 % are 'no'" in found["body"]
