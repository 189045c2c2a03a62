"""The matrix from a frame and the row from a mapping must be the same figures: one trains, the other serves."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import DataError
from tasks.core.records import Feature, FeatureKind, Treatment
from tasks.modalities.matrix import matrix, row

LEVELS = ("S", "3", "1.5", "0", "true", "FALSE", "é\n", " S", "nan", "inf", "1e3")
CATEGORY = Feature(name="c", kind="category", levels=LEVELS)
SPAN = (datetime.fromisoformat("1700-01-02"), datetime.fromisoformat("2400-01-01"))
ZONES = (UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11)))

missing = st.none()
numbers = st.floats(allow_nan=True, allow_infinity=True) | missing
wholes = st.integers(-(2**63), 2**63 - 1) | missing
truths = st.booleans() | missing
texts = st.sampled_from((*LEVELS, "", "s", "3.0")) | st.text(max_size=3) | missing
codes = st.sampled_from((3.0, 1.5, 0.0, -0.0, 1000.0, 2.0)) | numbers
moments = st.datetimes(*SPAN) | missing
zoned = st.datetimes(*SPAN, timezones=st.sampled_from(ZONES)) | missing
days = st.dates(date(1700, 1, 1), date(2400, 1, 1)) | missing
written = moments.map(lambda each: each and each.isoformat()) | zoned.map(lambda each: each and each.isoformat())

COLUMNS: dict[str, tuple[FeatureKind, Any, Any]] = {
    "floats": ("number", numbers, pl.Float64),
    "small floats": ("number", st.floats(width=32) | missing, pl.Float32),
    "wholes": ("number", wholes, pl.Int64),
    "truths as numbers": ("number", truths, pl.Boolean),
    "truths": ("boolean", truths, pl.Boolean),
    "texts": ("category", texts, pl.String),
    "codes": ("category", codes, pl.Float64),
    "whole codes": ("category", st.integers(-2, 5) | st.just(1000) | missing, pl.Int64),
    "truth codes": ("category", truths, pl.Boolean),
    "moments": ("date", moments, pl.Datetime("us")),
    "zoned": ("date", zoned, pl.Datetime("us", "UTC")),
    "days": ("date", days, pl.Date),
    "written": ("date", written, pl.String),
    "hashed texts": ("category", texts, pl.String),
    "hashed numbers": ("category", codes, pl.Float64),
    "hashed wholes": ("category", wholes, pl.Int64),
    "hashed truths": ("category", truths, pl.Boolean),
    "nothing": ("number", missing, pl.Null),
}


@given(data=st.data(), name=st.sampled_from(sorted(COLUMNS)))
def test_a_row_alone_equals_the_row_of_a_frame(data: st.DataObject, name: str) -> None:
    kind, strategy, dtype = COLUMNS[name]
    feature = Feature(name=name, kind=kind, levels=LEVELS if kind == "category" else ())
    if name.startswith("hashed"):
        feature = Feature(name=name, kind=kind, treatment=Treatment(encode="hash", buckets=64))
    values = data.draw(st.lists(strategy, min_size=1, max_size=8))
    instants = [v.astimezone(UTC) if name == "zoned" and v else v for v in values]  # what polars can be given
    together = matrix(pl.DataFrame({name: pl.Series(instants, dtype=dtype)}), [feature])
    encode = row([feature])
    np.testing.assert_array_equal(together, np.array([encode({name: value}) for value in values]))
    assert together.dtype == np.float64 and together.flags.c_contiguous and not np.isinf(together).any()


@given(moment=zoned.filter(bool))
def test_the_same_moment_is_the_same_number_in_every_zone(moment: datetime) -> None:
    encode = row([Feature(name="d", kind="date")])
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    elsewhere = moment.astimezone(ZoneInfo("America/New_York"))
    assert encode({"d": moment}) == encode({"d": naive}) == encode({"d": elsewhere})


def test_each_kind_means_what_the_contract_says() -> None:
    features = [
        Feature(name="n", kind="number"),
        Feature(name="b", kind="boolean"),
        CATEGORY,
        Feature(name="d", kind="date"),
    ]
    rows: list[dict[str, Any]] = [
        {"d": datetime.fromisoformat("1970-01-02T12:00"), "n": 2.5, "b": True, "c": "1.5", "unused": 0},
        {"d": datetime.fromisoformat("1969-12-31"), "n": math.inf, "b": False, "c": "never seen"},
        {"d": None, "n": None, "b": None, "c": ""},
        {},
    ]
    nan = math.nan
    expected = [[2.5, 1.0, 2.0, 1.5], [nan, 0.0, -1.0, -1.0], [nan] * 4, [nan] * 4]
    np.testing.assert_array_equal([row(features)(each) for each in rows], expected)
    np.testing.assert_array_equal(matrix(pl.DataFrame(rows), features), expected)


def test_a_category_of_numbers_is_known_whatever_type_a_file_gave_it() -> None:
    levels = Feature(name="c", kind="category", levels=("3", "1", "2"))
    frames = [pl.Series([1, 3, 9]), pl.Series([1.0, 3.0, 9.0]), pl.Series(["1", "3", "9"])]
    for values in (*frames, frames[2].cast(pl.Categorical())):
        assert matrix(pl.DataFrame({"c": values}), [levels]).ravel().tolist() == [1.0, 0.0, -1.0]


def test_a_value_falls_into_another_bucket_when_a_file_gives_it_another_type() -> None:
    hashed = Feature(name="c", kind="category", treatment=Treatment(encode="hash", buckets=1000))
    encode = row([hashed])
    for same in (("3", 3, 3.0), ("-1", -1, -1.0), ("2.5", 2.5), ("true", True), (None, "", math.nan)):
        assert len({str(encode({"c": value})) for value in same}) == 1
    assert encode({"c": "never seen"}) == [705.0]  # on every machine, in every version
    for values in (pl.Series([3, 7]), pl.Series(["3", "7"]), pl.Series(["3", "7"]).cast(pl.Categorical())):
        assert matrix(pl.DataFrame({"c": values}), [hashed]).ravel().tolist() == [
            *encode({"c": 3}),
            *encode({"c": "7"}),
        ]


def test_a_category_without_known_values_has_only_unseen_ones() -> None:
    bare = Feature(name="c", kind="category")
    np.testing.assert_array_equal(matrix(pl.DataFrame({"c": ["a", None]}), [bare]).ravel(), [-1.0, math.nan])
    assert row([bare])({"c": "a"}) == [-1.0]


def test_nanoseconds_are_cut_as_everywhere_before_the_epoch_too() -> None:
    moments = pl.Series([-1, 1_999], dtype=pl.Datetime("ns"))
    found = matrix(pl.DataFrame({"d": moments}), [Feature(name="d", kind="date")])
    assert (found.ravel() * 86_400_000_000).round(3).tolist() == [-1.0, 1.0]


def test_no_rows_and_no_features_keep_their_shape() -> None:
    numbers_only = [Feature(name="n", kind="number")]
    assert matrix(pl.DataFrame({"n": pl.Series([], dtype=pl.Float64)}), numbers_only).shape == (0, 1)
    assert matrix(pl.DataFrame({"n": [1.0, 2.0]}), []).shape == (2, 0)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "12"),
        ("number", date(2020, 1, 1)),
        ("boolean", "true"),
        ("category", date(2020, 1, 1)),
        ("category", b"S"),
        ("date", 19_000),
        ("date", "soon"),
    ],
)
def test_a_value_of_another_type_is_named_not_guessed(kind: FeatureKind, value: Any) -> None:
    feature = Feature(name="the column", kind=kind, levels=("S",))
    with pytest.raises(DataError, match="'the column'"):
        row([feature])({"the column": value})
    with pytest.raises(DataError, match="'the column'") as raised:
        matrix(pl.DataFrame({"the column": [None, None, value]}), [feature])
    assert "row 2" in str(raised.value) or repr(value) in str(raised.value)


def test_an_absent_column_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(DataError, match=r"'fare'.*Perhaps 'Fare' is meant"):
        matrix(pl.DataFrame({"Fare": [1.0]}), [Feature(name="fare", kind="number")])
