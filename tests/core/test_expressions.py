"""Declared features: what they may say, and that a batch and a single row never disagree."""

from __future__ import annotations

import math
import struct
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.expressions import computed, declared_row, names_in, to_python, type_of, with_declared
from tasks.core.records import Feature
from tasks.core.syntax import ExpressionError

SCHEMA = {
    "a": pl.Float64,
    "n": pl.Int64,
    "text": pl.String,
    "other text": pl.String,
    "yes": pl.Boolean,
    "day": pl.Date,
    "when": pl.Datetime("us"),
}
TYPES = {
    "a": "number",
    "n": "number",
    "text": "text",
    "other text": "text",
    "yes": "boolean",
    "day": "date",
    "when": "date",
}

numbers = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.5, -2.5, 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf]), st.floats()
)
texts = st.one_of(
    st.sampled_from(["", "Braund, Mr. Owen", "a, Dr b", " x ", "İstanbul", "ΣΑΣ", "\x1c", "\u00a0é\n"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
rows = st.fixed_dictionaries(
    {
        "a": st.none() | numbers,
        "n": st.none() | st.integers(-(2**53), 2**53),
        "text": st.none() | texts,
        "other text": st.none() | texts,
        "yes": st.none() | st.booleans(),
        "day": st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)),
        "when": st.none() | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),  # noqa: DTZ001
    }
)

EXPRESSIONS = [
    "a + n",
    "a - n * 2",
    "a / n",
    "n / a / 3",
    "-a",
    "-(a * 1e300)",
    "a < n",
    "a <= n and n > 0",
    "a >= 1 or yes",
    "not yes",
    "not a == n",
    "n != 3",
    "text == `other text`",
    "text < `other text`",
    "text >= 'a'",
    "yes == (a > 0)",
    "day < when",
    "extract(text, ', ([A-Za-z]+)')",
    "extract(text, '^(.)')",
    r"extract(text, '(\w+)\W*$')",
    r"extract(text, '\b(\d+|[^\d\s]{2,3}?)')",
    r"extract(text, '(?:a|(b))')",
    r"extract(text, '([\w.-]+)\.')",
    "contains(text, '.')",
    "contains(text, '')",
    "length(text)",
    "words(text)",
    "lower(text)",
    "length(lower(strip(text)))",
    "strip(text)",
    "year(day) * 12 + month(when)",
    "day(when)",
    "weekday(day)",
    "hour(day) + hour(when)",
    "days_between(day, when)",
    "log(a)",
    "log1p(n)",
    "sqrt(a)",
    "abs(n)",
    "round(a)",
    "min(a, n)",
    "max(a, 0)",
    "coalesce(a, n)",
    "coalesce(text, 'none')",
    "coalesce(day, when)",
    "if(yes, a, n)",
    "if(a > 0, text, `other text`)",
    "if(is_missing(a), 0, 1)",
    "is_missing(text)",
]


ONE_ROW = [to_python(expression) for expression in EXPRESSIONS]


def same(found: object, expected: object) -> bool:
    if isinstance(found, float) and isinstance(expected, float):
        return struct.pack("<d", found) == struct.pack("<d", expected)
    return found == expected


@settings(max_examples=200, deadline=None)
@given(rows)
def test_a_batch_and_a_row_disagree(row: dict[str, object]) -> None:
    frame = computed(pl.DataFrame([row], schema=SCHEMA), {text: text for text in EXPRESSIONS})
    for text, one in zip(EXPRESSIONS, ONE_ROW, strict=True):
        assert same(frame[text][0], one(row)), text


def test_the_rows_of_a_batch_are_mixed_up() -> None:
    batch = [{"a": float(n), "n": n % 3, "text": f"x{n}, Mr. {'yz'[n % 2]}" if n % 5 else None} for n in range(20)]
    frame = computed(pl.DataFrame(batch), {"title": "extract(text, '(y|z)$')", "share": "a / n"})
    for row, found in zip(batch, frame.to_dicts(), strict=True):
        assert found["title"] == to_python("extract(text, '(y|z)$')")(row)
        assert found["share"] == to_python("a / n")(row)


def test_a_feature_is_infinite_or_not_a_number() -> None:
    batch = [{"a": a, "n": n} for a in (math.nan, math.inf, -1e308, 0.0, 1e308) for n in (0, 1, -(2**53))]
    frame = computed(pl.DataFrame(batch), {"sum": "a * n + 1e308", "share": "a / n"})
    for name in ("sum", "share"):
        assert frame[name].drop_nulls().is_finite().all()


def test_precedence_is_not_that_of_arithmetic() -> None:
    def value(text: str) -> object:
        return to_python(text)({"x": 2.0, "y": True})

    assert value("1 + 2 * 3 - 4 / 2") == 5.0
    assert value("8 / 4 / 2") == 1.0
    assert value("-x + 3") == 1.0
    assert value("(1 + 2) * 3") == 9.0
    assert value("not x == 2 or y and x > 1") is True
    assert value("x > 1 and not y") is False


def test_a_missing_truth_value_decides_although_the_other_does() -> None:
    both = to_python("a > 0 and yes")
    either = to_python("a > 0 or yes")
    assert both({"a": None, "yes": False}) is False
    assert both({"a": None, "yes": True}) is None
    assert either({"a": None, "yes": True}) is True
    assert either({"a": None, "yes": False}) is None


def test_names_with_spaces_quotes_or_other_scripts_cannot_be_said() -> None:
    frame = pl.DataFrame({"total rooms": [6], 'it\'s "so"': [2.0], "größe": [3], "日本": ["x y"]})
    made = computed(frame, {"a": '`total rooms` / `it\'s "so"` + größe', "b": "words(日本)", "c": "'it''s'"})
    assert made.select("a", "b", "c").row(0) == (6.0, 2.0, "it's")


def test_only_features_with_an_expression_are_added() -> None:
    features = (
        Feature(name="a", kind="number"),
        Feature(name="b", kind="number", expression="a * 2"),
    )
    assert with_declared(pl.DataFrame({"a": [2]}), features).to_dicts() == [{"a": 2, "b": 4.0}]
    assert with_declared(pl.LazyFrame({"a": [2]}), features).collect().to_dicts() == [{"a": 2, "b": 4.0}]
    assert declared_row(features)({"a": 2}) == {"a": 2, "b": 4.0}


def test_a_zone_moves_the_hour_in_the_row_only() -> None:
    assert to_python("hour(when)")({"when": datetime.fromisoformat("2026-01-31T23:30:00+02:00")}) == 21.0


def test_the_columns_needed_are_not_known() -> None:
    assert names_in("if(a > 1, lower(`b c`), 'd')") == {"a", "b c"}


@pytest.mark.parametrize(
    ("text", "at", "problem", "action"),
    [
        ("lengt(text)", 0, "no function 'lengt'", "'length'"),
        ("length(txt)", 7, "no column 'txt'", "'text'"),
        ("a + ", 2, "expected, not the end", ""),
        ("a b", 2, "before 'b'", ""),
        ("a = 1", 2, "==", ""),
        ("a < n < 3", 6, "chained", ""),
        ("(a + 1", 5, "')' is expected", ""),
        ('length("text")', 7, "no meaning", "single quotes"),
        ("length('text)", 7, "not closed", ""),
        ("a + text", 4, "takes number here, and this is text", ""),
        ("length(text, 1)", 0, "does not take 2 arguments", "length(name)"),
        ("length(text 1)", 12, "',' is expected", ""),
        ("coalesce(a, text)", 12, "number is expected here", ""),
        ("yes < yes", 0, "does not order", ""),
        ("extract(text, text)", 14, "in quotes", "An example is"),
        ("extract(text, 'a')", 14, "one group", ""),
        ("extract(text, '(a)(b)')", 14, "one group", ""),
        (r"extract(text, '([\w.a)')", 14, "not closed", ""),
        (r"extract(text, '([]\w)')", 14, "not closed", ""),
        ("extract(text, '(a')", 14, "no regular expression", ""),
        ("extract(text, '(?=a)(b)')", 14, "look-around", ""),
        ("extract(text, '(?<!a)(b)')", 14, "look-around", ""),
        ("extract(text, '(?i)(b)')", 14, "flags", ""),
        (r"extract(text, '(b)\1')", 14, "back-references", ""),
        (r"extract(text, '(\pL)')", 14, "not supported", ""),
        ("extract(text, '(b)a++')", 14, "possessive", ""),
        ("extract(text, '([a[b])')", 14, "differently", ""),
        ("extract(text, '([a&&b])')", 14, "differently", ""),
        ("extract(text, '(b){,2}')", 14, "backslash", ""),
        ("__import__('os')", 0, "no function", ""),
        ("a.b", 1, "no meaning", ""),
    ],
)
def test_a_wrong_expression_is_not_told_where(text: str, at: int, problem: str, action: str) -> None:
    with pytest.raises(ExpressionError) as failure:
        type_of(text, TYPES)  # pyright: ignore[reportArgumentType]
    message = str(failure.value)
    lines = message.split("\n")
    caret = next(number for number, line in enumerate(lines) if line.strip() == "^")
    assert problem in message
    assert action in message
    assert lines[caret - 1] == f"    {text}"
    assert abs(lines[caret].index("^") - 4 - at) <= (1 if problem.startswith("'") else 0), message


@given(st.text(max_size=40))
def test_any_text_makes_more_than_an_expression_error(text: str) -> None:
    try:
        type_of(text, TYPES)  # pyright: ignore[reportArgumentType]
    except ExpressionError as failure:
        assert "^" in str(failure)


def test_a_long_expression_overflows_the_stack() -> None:
    text = "+".join(["a"] * 150)
    assert to_python(text)({"a": 1.0}) == 150.0
    assert computed(pl.DataFrame({"a": [1.0]}), {"b": text})["b"].to_list() == [150.0]
    with pytest.raises(ExpressionError, match="150 deep"):
        to_python("+".join(["a"] * 200))
    nested = "(" * 140 + "a" + ")" * 140
    assert to_python(nested)({"a": 1.0}) == 1.0
