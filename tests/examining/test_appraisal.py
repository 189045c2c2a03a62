"""The appraisal: what says nothing is told so, what says all is 1, what differs is named, and chance is not."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.appraise import appraise
from tasks.core import store
from tasks.core.appraisal import Appraisal, Criterion
from tasks.core.records import CheckedDataset, CheckedSplits, Column, Feature, Note, QualityReport
from tasks.examining.association import beyond_chance, explained
from tasks.examining.codes import binned, coded
from tasks.examining.coverage import recall_width
from tasks.examining.glance import glance


def appraised(splits: CheckedSplits, n_quarantined: int = 0, **missing: int) -> Appraisal:
    """Of raw rows that are those of the splits, and of which so many broke a rule or lack a value."""
    told = splits.splits
    n_rows = told.train.n_rows + told.validation.n_rows + told.test.n_rows
    columns = tuple(Column(name=e.name, type=e.type, n_missing=missing.get(e.name, 0)) for e in told.inputs)
    raw = told.train.model_copy(update={"n_rows": n_rows, "columns": columns})
    report = QualityReport(
        suite="raw", n_rows=n_rows, evaluated=1, failed=(), n_quarantined=n_quarantined, quarantined=None
    )
    return inspect.unwrap(appraise.fn)(CheckedDataset(dataset=raw, report=report), splits)


def criterion(appraisal: Appraisal, name: str) -> Criterion:
    return next(each for each in appraisal.criteria if each.name == name)


def table(n_rows: int, seed: int = 0) -> pl.DataFrame:
    """A column that tells the target well, one that tells it a little, and two that do not."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, n_rows)
    return pl.DataFrame(
        {
            "strong": y * 3 + generator.normal(size=n_rows),
            "weak": y + 2 * generator.normal(size=n_rows),
            "noise": generator.normal(size=n_rows),
            "shape": np.array(["round", "square", "flat"])[generator.integers(0, 3, n_rows)],
            "y": np.array(["no", "yes"])[y],
        }
    )


def test_a_column_that_says_nothing_is_told_as_telling(open_store: Path, make_splits: Any) -> None:
    appraisal = appraised(make_splits(table(2_000), "y"))
    told = {each.feature: each for each in appraisal.associations}
    assert [each.feature for each in appraisal.associations][:2] == ["strong", "weak"]
    assert told["strong"].beyond_chance and told["weak"].beyond_chance
    assert not told["noise"].beyond_chance and not told["shape"].beyond_chance
    assert told["strong"].share > 0.4 > 0.2 > told["weak"].low > told["weak"].chance
    relevant = criterion(appraisal, "relevant")
    assert relevant.value == 0.5 and relevant.word == "good"
    assert relevant.facts[0] == (
        "2 of 4 columns tell something about `y`; 2 tell nothing beyond chance by themselves: `noise` and `shape`."
    )


def test_chance_among_many_columns_is_told_as_a_finding() -> None:
    generator = np.random.default_rng(3)
    alarms = 0
    for _ in range(100):
        y = generator.integers(0, 3, 300)
        alarms += any(beyond_chance([explained(binned(generator.normal(size=300)), y).p for _ in range(20)]))
    assert alarms <= 12  # 5 expected; 13 or more once in a thousand


@pytest.mark.parametrize("problem", ["classes", "numbers"])
def test_the_interval_does_not_hold_the_true_share(problem: str) -> None:
    generator = np.random.default_rng(5)

    def one(n_rows: int) -> Any:
        x = generator.integers(0, 8, n_rows)
        y = x + 3 * generator.normal(size=n_rows)
        return explained(x, (y > 4).astype(np.int64) if problem == "classes" else pl.Series(y).rank().to_numpy())

    true = one(400_000).share
    held = sum(each.low <= true <= each.high for each in (one(400) for _ in range(200)))
    assert held >= 178  # 190 expected; fewer than 178 once in a thousand


@given(seed=st.integers(0, 10**6), n_rows=st.integers(40, 400), n_classes=st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_a_figure_leaves_its_bounds_or_moves_with_order_and_scale(seed: int, n_rows: int, n_classes: int) -> None:
    generator = np.random.default_rng(seed)
    x = np.round(generator.normal(size=n_rows), 1)
    x[generator.random(n_rows) < 0.1] = np.nan
    for answer in (
        generator.integers(0, n_classes, n_rows),
        pl.Series(generator.normal(size=n_rows)).rank().to_numpy(),
    ):
        found = explained(coded(x, False), answer)
        assert 0 <= found.low <= found.share <= found.high <= 1 and 0 <= found.p <= 1
        assert explained(coded(np.exp(x) * 7 - 3, False), answer) == found
        order = generator.permutation(n_rows)
        again = explained(coded(x[order], False), answer[order])
        assert (again.share, again.p) == pytest.approx((found.share, found.p), abs=1e-9)


@given(seed=st.integers(0, 10**6), n_classes=st.integers(2, 8))
@settings(max_examples=30, deadline=None)
def test_a_copy_of_the_target_explains_less_than_all(seed: int, n_classes: int) -> None:
    generator = np.random.default_rng(seed)
    classes = np.concatenate([np.arange(n_classes).repeat(10), generator.integers(0, n_classes, 400)])
    copied = explained(coded(classes.astype(float), True), classes)
    assert copied.share == copied.low == 1.0
    numbers = generator.normal(size=500)
    assert explained(coded(numbers, False), pl.Series(numbers).rank().to_numpy()).low > 0.97


@pytest.mark.parametrize(
    "values",
    [
        np.full(100, np.nan),
        np.zeros(100),
        np.append(np.full(99, 1.0), 1e300),
        np.arange(100.0),
        np.array([np.nan, 1.0]),
    ],
    ids=["all missing", "constant", "one far away", "all different", "two rows"],
)
def test_an_odd_column_breaks_the_figure(values: np.ndarray) -> None:
    y = np.arange(len(values)) % 2
    for levels in (False, True):
        codes = coded(np.minimum(values, 99) if levels else values, levels)
        assert codes.min() >= -1 and len(codes) == len(values)
        found = explained(codes, y)
        assert 0 <= found.low <= found.share <= found.high <= 1


def test_a_shift_of_the_test_rows_is_not_named(open_store: Path, make_splits: Any) -> None:
    rows = table(2_000)
    in_time = rows.with_columns(noise=pl.col("noise") + (pl.int_range(pl.len()) >= 1_600).cast(pl.Float64))
    appraisal = appraised(make_splits(in_time.select("strong", "weak", "noise", "shape", "y"), "y", in_time=True))
    first, found = appraisal.distances[0], criterion(appraisal, "representative")
    assert (first.column, first.between, first.beyond_chance) == ("noise", "train and test", True)
    assert first.apart == pytest.approx(0.38, abs=0.06)  # of normals one standard deviation apart: 0.383
    assert found.word == "poor" and "`noise`" in found.facts[0] and "newer rows" in found.action
    assert appraisal.worst == found and appraisal.advice == found.action


def test_rows_split_at_random_are_told_to_differ(open_store: Path, make_splits: Any) -> None:
    told = [criterion(appraised(make_splits(table(500, seed), "y")), "representative") for seed in range(20)]
    assert sum(each.value != 1.0 for each in told) <= 4  # 1 expected; 5 or more three times in a thousand
    assert told[0].facts == ("Train, validation and test are as alike as chance makes them in 5 columns.",)


def test_rows_of_one_group_are_taken_for_independent(open_store: Path, make_splits: Any) -> None:
    # Fifty rows of each of 40 groups, whose `level` is the group's: the groups in test differ from those in train as
    # any 8 of 40 do, and no more.
    generator = np.random.default_rng(0)
    alarms = {"rows": 0, "groups": 0}
    for _ in range(10):
        level, group = generator.normal(size=40), np.arange(40).repeat(50)
        frame = pl.DataFrame({"level": level[group], "group": group, "y": np.array(["a", "b"])[np.arange(2_000) % 2]})
        splits = make_splits(frame.select("level", "group", "y"), "y", in_time=True).splits  # groups stay together
        splits = splits.model_copy(update={"time_column": None, "features": splits.features[:1]})
        for name, rule in (("rows", ""), ("groups", '{"by": "group", "column": "group"}')):
            found = appraised(CheckedSplits(splits=splits.model_copy(update={"rule": rule}), reports=()))
            alarms[name] += any(each.beyond_chance for each in found.distances if each.column == "level")
    assert alarms["rows"] == 10 and alarms["groups"] <= 2


def test_the_newest_rows_are_forgotten_when_the_split_is_at_random(open_store: Path, make_splits: Any) -> None:
    rows = table(2_000).with_columns(
        since=pl.date_range(pl.date(2020, 1, 1), pl.date(2030, 1, 1), "1d", eager=True).head(2_000),
        noise=pl.col("noise") + 2 * (pl.int_range(pl.len()) >= 1_800).cast(pl.Float64),
    )
    splits = make_splits(rows.select("since", "noise", "strong", "y"), "y").splits
    features = (Feature(name="since", kind="date"), *splits.features[1:])
    appraisal = appraised(CheckedSplits(splits=splits.model_copy(update={"features": features}), reports=()))
    first = appraisal.distances[0]
    assert (first.column, first.between, first.beyond_chance) == ("noise", "older and newest", True)
    assert "split: {by: time, column: since}" in criterion(appraisal, "representative").action
    assert not any(each.column == "since" for each in appraisal.distances if each.between == first.between)


def test_broken_rows_missing_values_and_contradictions_are_not_counted(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(table(1_000), "y")
    good = criterion(appraised(splits), "accurate")
    assert (good.value, good.word, good.action) == (1.0, "good", "")
    broken = criterion(appraised(splits, n_quarantined=60), "accurate")
    assert broken.value == pytest.approx(1000 / 1060) and broken.word == "poor"
    assert "60 rows went into quarantine" in broken.facts[0]
    lacking = criterion(appraised(splits, weak=900), "accurate")
    assert lacking.word == "fair" and "90 % of `weak`" in lacking.action
    doubled = splits.splits.model_copy(
        update={"notes": (Note(kind="duplicates", column=None, n_rows=40, text="equal to an earlier row"),)}
    )
    assert (
        "40 rows repeated others (4 %)."
        in criterion(appraised(CheckedSplits(splits=doubled, reports=())), "accurate").facts
    )


def test_rows_that_contradict_each_other_are_not_counted(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(table(1_000), "y").splits
    train = store.scan(splits.train).collect()
    first = train.head(20).with_columns(y=pl.when(pl.col("y") == "no").then(pl.lit("yes")).otherwise(pl.lit("no")))
    rows = pl.concat([train, first]).to_arrow()
    both = store.dataset("train", store.put_parts(rows.to_batches(), rows.schema), splits.train.columns)
    found = criterion(
        appraised(CheckedSplits(splits=splits.model_copy(update={"train": both}), reports=())), "accurate"
    )
    assert found.value == pytest.approx(1 - 20 / 1_020) and found.word == "fair"
    assert "equal inputs and different `y`" in found.action


def test_a_rare_class_goes_without_a_word(open_store: Path, make_splits: Any) -> None:
    rows = table(1_000).with_columns(y=pl.when(pl.int_range(pl.len()) < 30).then(pl.lit("dunce")).otherwise("y"))
    found = criterion(appraised(make_splits(rows, "y")), "diverse")
    n_test = int(found.facts[1].split("rows, ")[1].split(" ")[0])
    assert found.word == "poor" and "dunce" in found.action
    assert f"has 30 rows, {n_test} of them in test" in found.facts[1]
    # What the advice promises: so many more rows, a fifth of them in test, halve the interval.
    more = float(found.action.split("about ")[1].split(" ")[0].replace(",", ""))
    assert recall_width(n_test + round(more / 5)) == pytest.approx(recall_width(n_test) / 2, rel=0.02)


def test_a_recalls_width_is_not_wilsons() -> None:
    # The bounds are the shares that lie 1.96 of their own standard errors from one half (Wilson, 1927).
    for n_rows in (2, 10, 58, 400):
        high = 0.5 + recall_width(n_rows) / 2
        assert high - 0.5 == pytest.approx(1.959964 * (high * (1 - high) / n_rows) ** 0.5)


def test_thin_levels_holes_and_empty_combinations_are_not_told(open_store: Path, make_splits: Any) -> None:
    generator = np.random.default_rng(1)
    n_rows = 2_000
    sex, trade = generator.integers(0, 2, n_rows), generator.integers(0, 4, n_rows)
    trade[(sex == 1) & (trade == 3)] = 0
    rows = pl.DataFrame(
        {
            "sex": np.array(["female", "male"])[sex],
            "trade": np.array(["baker", "smith", "tailor", "midwife"])[trade],
            "town": [f"town {index // 10}" if index < 200 else "city" for index in range(n_rows)],
            "height": np.where(generator.random(n_rows) < 0.5, 0, 10) + generator.random(n_rows),
            "y": np.array(["no", "yes"])[(generator.random(n_rows) < 0.2 + 0.3 * sex + 0.1 * trade).astype(int)],
        }
    )
    found = criterion(appraised(make_splits(rows, "y")), "diverse")
    told = " ".join(found.facts)
    assert "20 levels of `town` have fewer than 30 rows: 10 % of its rows." in told
    assert "`height` has no value between" in told
    assert "One of 8 combinations" in told and "“midwife”" in told and "“male”" in told
    assert found.word == "fair" and "`town`" in found.action


def test_texts_are_judged_as_if_they_were_levels(open_store: Path, make_splits: Any) -> None:
    rows = pl.DataFrame({"body": [f"text {index}" for index in range(300)], "y": ["a", "b", "c"] * 100})
    splits = make_splits(rows, "y").splits
    splits = splits.model_copy(update={"features": (Feature(name="body", kind="text", width=50),)})
    appraisal = appraised(CheckedSplits(splits=splits, reports=()))
    relevant = criterion(appraisal, "relevant")
    assert (relevant.value, relevant.word, appraisal.associations) == (None, "not judged", ())
    assert "`body`" in relevant.facts[0]
    assert appraisal.worst.word != "not judged"


@pytest.mark.slow
def test_a_large_table_is_seen_unevenly_or_differently(open_store: Path, make_splits: Any) -> None:
    generator = np.random.default_rng(0)
    n_rows = 240_000
    rows = pl.DataFrame(
        {"hour": np.arange(n_rows) % 24, "x": generator.normal(size=n_rows), "y": np.tile(["a", "b"], n_rows // 2)}
    )
    splits = make_splits(rows, "y", in_time=True)
    seen = glance(splits.splits)
    assert len(seen.part) == pytest.approx(50_000, rel=0.01)
    assert np.bincount(seen.part) / len(seen.part) == pytest.approx([0.64, 0.16, 0.2], abs=0.001)
    hours = np.bincount(seen.rows["hour"].to_numpy())
    assert hours.min() > 0.95 * hours.max()
    assert appraised(splits) == appraised(splits)


def test_a_level_of_one_row_breaks_the_look_at_combinations() -> None:
    codes = np.repeat([0, 1], 60)
    answer = np.where(np.arange(120) == 7, -1, codes)
    assert explained(codes, answer).share > 0.9
