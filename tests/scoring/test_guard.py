"""A row of a request is judged as Great Expectations judges the same row of a table, and quickly, whatever is sent."""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.core import quality
from tasks.core.catalogue import CATALOGUE
from tasks.core.expectation import Expectation
from tasks.core.model_records import ModelCard
from tasks.core.records import Claim, Column, ColumnType, Feature, Target
from tasks.scoring.guard import Guard, asked_of
from tasks.scoring.predicates import NoPredicate, is_missing, predicate
from tasks.serving.refusal import Refusal
from tasks.serving.schema import RowSchema

NUMBERS = [0.0, -0.0, 1.0, -1.5, 3.0, 2.0**53, 1e300, 0.1, 0.30000000000000004, 5e-324, None]
WHOLE = [0, 1, -1, 3, 7, 2**53, -(2**62), 12345678, 10, 2, 4]
TEXTS = ["", " ", "a", "abc", "A", "3", "é", "x y", "[1, 2]", "2024-05-31", None]
OTHERS = ["b\n", "", "abc", None, "x\ny", "null", '{"a": 1}', "31.05.2024", "nan", "12", "true"]
MOMENTS = [
    datetime(2024, 5, 31),  # noqa: DTZ001
    datetime(1900, 1, 1),  # noqa: DTZ001
    datetime(2024, 5, 31, 14, 30, 0, 1),  # noqa: DTZ001
    None,
] * 3
TRUTHS = [True, False, None, True, False, True, None, False, True, False, True]
FRAME = pl.DataFrame(
    {
        "x": NUMBERS,
        "y": [0.0, None, 2.0, -1.5, 4.0, 1.0, 1e300, 0.2, 0.3, None, None],
        "i": WHOLE,
        "t": TEXTS,
        "u": OTHERS,
        "d": MOMENTS[:11],
        "e": MOMENTS[1:12],
        "b": TRUTHS,
    },
    schema_overrides={"d": pl.Datetime("us"), "e": pl.Datetime("us")},
)
TYPES: dict[str, ColumnType] = {
    **{"x": "number", "y": "number", "i": "integer", "t": "text", "u": "text", "d": "date", "e": "date"},
    "b": "boolean",
}
COLUMNS = [Column(name=name, type=kind, n_missing=0) for name, kind in TYPES.items()]
DAY = "2024-05-31"
ASKED: dict[str, list[dict[str, Any]]] = {
    "expect_column_pair_values_a_to_be_greater_than_b": [
        {"column_A": a, "column_B": b, **more}
        for (a, b), more in itertools.product(
            [("x", "y"), ("d", "e"), ("i", "x"), ("t", "u")],
            [{}, {"or_equal": True}, {"ignore_row_if": "either_value_is_missing"}, {"ignore_row_if": "neither"}],
        )
    ],
    "expect_column_pair_values_to_be_equal": [
        {"column_A": a, "column_B": b, **more}
        for (a, b), more in itertools.product(
            [("x", "y"), ("d", "e"), ("i", "x"), ("t", "u"), ("x", "t")],
            [{}, {"ignore_row_if": "either_value_is_missing"}],
        )
    ],
    "expect_column_pair_values_to_be_in_set": [
        {"column_A": "t", "column_B": "u", "value_pairs_set": [["a", "abc"], ["abc", None], ["", "b"], ["", "b\n"]]},
        {"column_A": "x", "column_B": "i", "value_pairs_set": [[0, 0], [3, 7], [None, 4]]},
    ],
    "expect_column_value_lengths_to_be_between": [
        {"column": "t", "min_value": 1, "max_value": 3},
        {"column": "t", "min_value": 1, "strict_min": True},
        {"column": "i", "max_value": 2},
        {"column": "x", "max_value": 4},
    ],
    "expect_column_value_lengths_to_equal": [{"column": "t", "value": 3}, {"column": "i", "value": 2}],
    "expect_column_values_to_be_between": [
        {"column": "x", "min_value": 0, "max_value": 3},
        {"column": "x", "min_value": 0, "max_value": 3, "strict_min": True, "strict_max": True},
        {"column": "x", "max_value": 0.1},
        {"column": "i", "min_value": 2**53},
        {"column": "d", "min_value": "2000-01-01"},
        {"column": "d", "max_value": "2024-05-31", "strict_max": True},
    ],
    "expect_column_values_to_be_dateutil_parseable": [{"column": "t"}, {"column": "u"}],
    "expect_column_values_to_be_in_set": [
        {"column": "x", "value_set": [0, 3, "1"]},
        {"column": "i", "value_set": [1, 2.0, 7.5]},
        {"column": "t", "value_set": ["a", "", "é", 3]},
        {"column": "d", "value_set": [DAY]},
        {"column": "b", "value_set": [True]},
        {"column": "x", "value_set": []},
    ],
    "expect_column_values_to_be_json_parseable": [{"column": "t"}, {"column": "u"}],
    "expect_column_values_to_be_null": [{"column": "x"}, {"column": "t"}, {"column": "d"}],
    "expect_column_values_to_match_json_schema": [{"column": "j", "json_schema": {"type": "object"}}],
    "expect_column_values_to_match_regex": [
        {"column": "t", "regex": regex}
        for regex in ("a", "^a", "c$", r"^\w$", r"\d", "(?:a|b)c", "^$", "", "(?i)abc", "é", "[^a-z ]", ".{3}", r"^.+$")
    ]
    + [
        {"column": "u", "regex": "^x.y$"},
        {"column": "u", "regex": "b$"},
        {"column": "u", "regex": r"b\Z"},
        {"column": "i", "regex": "^1"},
        {"column": "x", "regex": r"\.0$"},
    ],
    "expect_column_values_to_match_regex_list": [
        {"column": "t", "regex_list": ["^a", "c$"], "match_on": "all"},
        {"column": "t", "regex_list": ["^a", "^3"], "match_on": "any"},
        {"column": "t", "regex_list": ["^a", "^3"]},
    ],
    "expect_column_values_to_match_strftime_format": [
        {"column": "t", "strftime_format": "%Y-%m-%d"},
        {"column": "u", "strftime_format": "%d.%m.%Y"},
    ],
    "expect_column_values_to_not_be_in_set": [
        {"column": "x", "value_set": [0, 3]},
        {"column": "t", "value_set": ["a"]},
        {"column": "d", "value_set": [DAY]},
    ],
    "expect_column_values_to_not_be_null": [{"column": "x"}, {"column": "t"}],
    "expect_column_values_to_not_match_regex": [{"column": "t", "regex": "a"}, {"column": "t", "regex": "^$"}],
    "expect_column_values_to_not_match_regex_list": [{"column": "t", "regex_list": ["a", "é"]}],
    "expect_multicolumn_sum_to_equal": [
        {"column_list": ["x", "y"], "sum_total": 0},
        {"column_list": ["x", "i"], "sum_total": 2, "ignore_row_if": "any_value_is_missing"},
    ],
    "expect_multicolumn_values_to_be_equal": [{"column_list": ["x", "y"]}, {"column_list": ["t", "u"]}],
    "expect_select_column_values_to_be_unique_within_record": [
        {"column_list": ["x", "y", "i"]},
        {"column_list": ["t", "u"], "ignore_row_if": "any_value_is_missing"},
    ],
}


def test_every_expectation_of_single_rows_is_asked_of_requests() -> None:
    assert set(ASKED) == {kind for kind, (scope, _) in CATALOGUE.items() if scope == "rows"}


@pytest.mark.parametrize("kind", ASKED)
def test_a_request_is_judged_otherwise_than_the_same_row_of_a_table(kind: str) -> None:
    frame = FRAME.with_columns(j=pl.Series(['{"a": 1}', "[]", "3", None] * 3)[:11])
    types = {**TYPES, "j": "text"}
    asked = [Expectation.model_validate({kind: arguments}) for arguments in ASKED[kind]]
    for expectation, seen in zip(asked, quality.evaluate(frame, asked), strict=True):
        holds = predicate(expectation, types)  # type: ignore[arg-type]
        broken = [place for place, row in enumerate(frame.iter_rows(named=True)) if not holds(row)]
        assert broken == sorted(seen.broken), expectation


@pytest.mark.parametrize("kind", ASKED)
def test_many_rows_are_judged_otherwise_than_each_alone(kind: str) -> None:
    frame = FRAME.with_columns(j=pl.Series(['{"a": 1}', "[]", "3", None] * 3)[:11])
    columns = [*COLUMNS, Column(name="j", type="text", n_missing=0)]
    never = claim("expect_column_values_to_be_in_set", column="b", value_set=[])  # asked row by row
    for arguments in ASKED[kind]:
        asked = [claim(kind, **arguments), AT_BOUNDS, never]
        guard = Guard(asked, columns)
        told = [
            "; ".join(rule.told(row) for rule in guard.rejecting if rule.is_broken(row)) or None
            for row in frame.iter_rows(named=True)
        ]
        assert guard.problems(frame, Counter()).to_list() == told, arguments
        first = guard.first_broken(frame)
        expected = next((place for place, reason in enumerate(told) if reason is not None), None)
        assert (first and first[0]) == expected


@pytest.mark.parametrize("low", [2**53 - 1, 2**53, 2**53 + 1, float(2**53), -1.5, 0])
def test_a_bound_is_kept_to_the_last_digit(low: float) -> None:
    values = [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, 0, -1, -2]
    frame = pl.DataFrame({"i": values, "x": [float(value) for value in values]})
    for name in frame.columns:
        guard = Guard([claim("expect_column_values_to_be_between", column=name, min_value=low)], COLUMNS)
        found = guard.problems(frame.select(name), Counter()).is_null().to_list()
        assert found == [value >= low for value in frame[name].to_list()]


@pytest.mark.parametrize("regex", ["a$", r"a\Z", r"^\w+$", r"\s", r"[$]", r"\$", "(a|b)+c", r"(?i)É", r"\bé", "^$"])
def test_a_long_text_is_read_otherwise_than_a_short_one(regex: str) -> None:
    kind = "expect_column_values_to_match_regex"
    holds = predicate(Expectation.model_validate({kind: {"column": "t", "regex": regex}}), TYPES)
    for text in ["a", "a\n", "a\n\n", "é", "É b", "$", "abc", "", "x" * 70_000 + "a\n", "x" * 70_000 + " é"]:
        assert holds({"t": text}) == (re.search(regex, text) is not None), text[-5:]


def test_a_missing_value_is_served_unless_the_rule_is_about_it() -> None:
    between = claim("expect_column_values_to_be_between", column="x", min_value=0)
    pair = claim("expect_column_pair_values_a_to_be_greater_than_b", column_A="x", column_B="y")
    guard = Guard([between, pair], COLUMNS)
    assert guard.broken({"x": None, "y": None}) is None
    assert guard.broken({"x": 1.0, "y": None}) is None
    assert guard.broken({"x": math.nan, "y": 3.0}) is None
    found = guard.broken({"x": 1.0, "y": 3.0})
    assert found is not None and found.told({"x": 1.0, "y": 3.0}).endswith("found x 1.0, y 3.0")
    strict = claim(
        "expect_column_pair_values_a_to_be_greater_than_b", column_A="x", column_B="y", ignore_row_if="neither"
    )
    assert Guard([strict], COLUMNS).broken({"x": 1.0, "y": None}) is not None
    assert Guard([claim("expect_column_values_to_not_be_null", column="x")], COLUMNS).broken({"x": None}) is not None


@pytest.mark.parametrize("regex", ["^(a+)+$", "(a|a)*b", "(a*)*c", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_text_that_somebody_sends_keeps_a_pattern_busy_for_long(regex: str) -> None:
    holds = predicate(
        Expectation.model_validate({"expect_column_values_to_match_regex": {"column": "t", "regex": regex}}), TYPES
    )
    started = time.perf_counter()
    for n in (10, 40, 1_000, 100_000):
        holds({"t": "a" * n + "!"})
    # Backtracking would take longer than the universe is old: the bound says no more than that it does not.
    assert time.perf_counter() - started < 30


def test_a_rule_that_cannot_be_asked_of_a_request_is_left_out_of_the_card() -> None:
    look_ahead = claim("expect_column_values_to_match_regex", column="t", regex="(?=a)b")
    absent = claim("expect_column_values_to_be_between", column="dropped", min_value=0)
    good = claim("expect_column_values_to_be_between", column="x", min_value=0)
    assert asked_of([look_ahead, absent, good], COLUMNS) == (good,)
    with pytest.raises(NoPredicate, match="bounded time"):
        predicate(Expectation.model_validate({look_ahead.type: look_ahead.arguments}), TYPES)


def claim(kind: str, severity: str = "reject", **arguments: Any) -> Claim:
    return Claim(type=kind, arguments=arguments, severity=severity)  # type: ignore[arg-type]


AT_BOUNDS = claim("expect_column_values_to_be_between", column="x", min_value=0, max_value=3)


# In the model API


def card(*claims: Claim, missing: tuple[str, ...] = ()) -> ModelCard:
    inputs = (
        Column(name="age", type="number", n_missing=0, missing_values=missing),
        Column(name="sex", type="text", n_missing=0),
    )
    features = (Feature(name="age", kind="number"), Feature(name="sex", kind="category", levels=("f", "m")))
    return ModelCard(
        project="p",
        target=Target(name="y", problem="regression"),
        metric="rmse",
        inputs=inputs,
        features=features,
        members=(),
        data_digest="",
        sample=(),
        expectations=claims,
    )


AGES = claim("expect_column_values_to_be_between", column="age", min_value=0, max_value=120)


def packed(schema: RowSchema, rows: Any) -> list[list[float]]:
    return schema.packed(schema.read(json.dumps(rows).encode())[0])[1]


def test_the_answer_does_not_say_which_row_and_field_broke_which_rule() -> None:
    schema = RowSchema(card(AGES.model_copy(update={"reason": "a human life"})))
    with pytest.raises(Refusal) as refused:
        packed(schema, [{"age": 3, "sex": "f"}, {"age": 130, "sex": "f"}])
    error = refused.value.error
    assert refused.value.status == 422
    assert (error["row"], error["field"]) == (1, "age")
    assert error["expected"] == "values between 0 and 120 (a human life)"
    assert error["found"] == "the number 130.0"


def test_an_unseen_category_or_a_missing_value_is_refused() -> None:
    rows = packed(RowSchema(card(AGES)), [{"age": None, "sex": "never seen"}, {"age": 0, "sex": None}])
    assert math.isnan(rows[0][0]) and rows[0][1] == -1.0 and rows[1][0] == 0.0


def test_a_warning_is_told_and_the_row_answered() -> None:
    schema = RowSchema(card(AGES.model_copy(update={"severity": "warn"})))
    (row,), _ = schema.read(b'{"age": 130, "sex": "f"}')
    assert schema.warns and schema.packed([row])[1] == [[130.0, 0.0]]
    assert schema.warnings(schema.values(row)) == ["age: expected values between 0 and 120, found 130.0"]
    (good,), _ = schema.read(b'{"age": 13, "sex": "f"}')
    assert schema.warnings(schema.values(good)) == []


def test_a_marker_of_training_is_a_type_error_in_a_request() -> None:
    schema = RowSchema(card(AGES, missing=("?", "-999")))
    rows = packed(schema, [{"age": "?", "sex": "f"}, {"age": " ? ", "sex": "f"}, {"age": -999, "sex": "f"}])
    assert np.isnan([row[0] for row in rows]).all()
    for wrong in ("!", "", "-999", "30"):
        with pytest.raises(Refusal) as refused:
            packed(schema, {"age": wrong, "sex": "f"})
        assert refused.value.error["what"] == "The field “age” has a value of the wrong type"
    with pytest.raises(Refusal, match="wrong type"):
        packed(RowSchema(card(AGES)), {"age": "?", "sex": "f"})


def test_nan_is_missing_to_every_rule() -> None:
    assert is_missing(math.nan) and is_missing(None) and not is_missing("") and not is_missing(0.0)


@pytest.mark.parametrize("kind", [pl.Date, pl.Datetime("us"), pl.Datetime("ms")])
def test_a_column_of_days_ends_in_a_traceback_or_is_judged_otherwise_than_moments(kind: pl.DataType) -> None:
    days = [datetime(2024, 5, day) for day in (30, 31)] + [datetime(1999, 1, 1), None]  # noqa: DTZ001
    frame = pl.DataFrame({"d": pl.Series(days, dtype=pl.Datetime("us")).cast(kind)})
    guard = Guard([claim("expect_column_values_to_be_between", column="d", min_value="2024-05-31")], COLUMNS)
    assert guard.problems(frame, Counter()).is_null().to_list() == [False, True, False, True]
