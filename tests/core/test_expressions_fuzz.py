"""Declared features: any text gives a value, the same bits in both backends, or an error at one of its characters."""

from __future__ import annotations

import importlib.util
import math
import re
import struct
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
import yaml

from tasks.core.expressions import computed, to_python, type_of
from tasks.core.functions import FUNCTIONS
from tasks.core.functions.letters import lower, upper
from tasks.core.patterns import pattern
from tasks.core.syntax import ExpressionError

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "declared-features.md").read_text(encoding="utf-8")
HOUSE = {
    "name": "Villa, 120 m2",
    "city": "Nashville",
    "price": 250_000.0,
    "area": 120.5,
    "rooms": 4,
    "baths": 2,
    "latitude": 36.2,
    "age": 34,
    "is_new": False,
    "built": datetime(1990, 5, 1),  # noqa: DTZ001
    "sold": datetime(2024, 2, 29, 23, 30, 5),  # noqa: DTZ001
}


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    found = importlib.util.spec_from_file_location("fuzz", ROOT / "benchmarks" / "expressions.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["fuzz"] = module
    found.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_fuzzed_text_is_neither_a_value_equal_in_both_backends_nor_an_error_that_points(fuzz: ModuleType) -> None:
    tally = fuzz.run(seed=20, n=1_000)
    assert sum(tally.outcomes.values()) == 1_000
    assert {outcome.split(": ")[1] for outcome in tally.outcomes} == {"value", "type error", "parse error"}
    assert len(tally.functions) > 0.8 * len(FUNCTIONS)


def bits(value: object) -> object:
    return struct.pack("<d", value) if isinstance(value, float) else value


UNARY = ["exp", "log", "log1p", "sqrt", "sin", "cos", "tan", "arcsin", "arccos", "radians", "floor", "ceil", "round"]
BINARY = ["x + y", "x - y", "x * y", "x / y", "x % y", "x ^ y", "arctan2(x, y)", "min(x, y)", "max(x, y)"]
CONSTANT = ["x / 3", "x / 86400000000", "7 / x", "x ^ 2", "x ^ 3", "x ^ 0.5", "x % 7", "2 ^ x", "x * -1", "x + 0"]
OTHERS = ["round(x, 2)", "cycle_sin(x, 12)", "cycle_cos(x, 0.1)", "clip(x, -3, 3)", "bin(x, -1, 0, 1)", "-x", "sign(x)"]


def test_the_last_bit_of_a_number_depends_on_the_backend() -> None:
    chance = np.random.default_rng(0)
    x = np.concatenate(
        [
            chance.integers(0, 2**64, size=4_000, dtype=np.uint64).view(np.float64),
            chance.normal(size=4_000) * 10.0 ** chance.uniform(-12, 12, 4_000),
            [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, 5e-324, 1e308, 1e15, 2.0**53, -1.0, 709.8, 1e-5, 1e16, math.nan],
        ]
    )
    frame = pl.DataFrame({"x": x, "y": chance.permutation(x)})
    texts = [*(f"{name}(x)" for name in UNARY), *BINARY, *CONSTANT, *OTHERS, "text(x)", "number(text(x))"]
    made = computed(frame, {f"{text} ": text for text in texts})
    for text in texts:
        one = to_python(text)
        for row, found in zip(frame.iter_rows(named=True), made[f"{text} "], strict=True):
            assert bits(found) == bits(one(row)), (text, row)


def test_a_letter_of_a_newer_unicode_is_small_in_polars_alone() -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    assert pl.Series(every).str.to_lowercase().to_list() == [lower(sign) for sign in every]
    assert pl.Series(every).str.to_uppercase().to_list() == [upper(sign) for sign in every]


def test_the_clocks_of_a_zone_differ_between_the_backends() -> None:
    chance = np.random.default_rng(0)
    zones = ["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
    first, last = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001
    wide = [first + (last - first) * share for share in chance.uniform(size=1_000)]
    near = [datetime(1880, 1, 1) + timedelta(seconds=int(n)) for n in chance.integers(0, 10**10, 3_000)]  # noqa: DTZ001
    changes = [datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 1), datetime(2024, 11, 3, 6), datetime(2024, 4, 6, 15)]  # noqa: DTZ001
    edges = [change + timedelta(seconds=n) for change in changes for n in (-3601, -3600, -1, 0, 1, 1800, 3599, 3600)]
    frame = pl.DataFrame({"when": [*wide, *near, *edges, first, last]})
    made = computed(frame, {zone: f"local(when, '{zone}')" for zone in zones})
    for zone in zones:
        one = to_python(f"local(when, '{zone}')")
        assert made[zone].to_list() == [one({"when": when}) for when in frame["when"]], zone
    # What the clocks show is not the same mistake in both.
    berlin = to_python("local(when, 'Europe/Berlin')")
    for when in (change for change in edges if change.year == 2024):
        shown = when.replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
        assert berlin({"when": when}) == shown


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%d.%m.%Y", "1.2.2024", datetime(2024, 2, 1)),  # noqa: DTZ001
        ("%d.%m.%Y", "30.2.2024", None),
        ("%d.%m.%Y", " 1.2.2024", None),
        ("%d.%m.%Y", "1.2.2024\n", None),
        ("%d.%m.%y", "31.12.69", datetime(2069, 12, 31)),  # noqa: DTZ001
        ("%d.%m.%y", "31.12.70", datetime(1970, 12, 31)),  # noqa: DTZ001
        ("%Y-%m-%dT%H:%M:%S.%f", "2024-02-29T23:59:59.5", datetime(2024, 2, 29, 23, 59, 59, 500_000)),  # noqa: DTZ001
        ("%Y-%m-%dT%H:%M:%S.%f", "2024-02-29T23:59:60.5", None),
        ("%b %d %Y %I:%M %p", "mar 5 2020 12:07 AM", datetime(2020, 3, 5, 0, 7)),  # noqa: DTZ001
        ("%b %d %Y %I:%M %p", "MAY 5 2020 12:07 pm", datetime(2020, 5, 5, 12, 7)),  # noqa: DTZ001
        ("%d %B %Y", "7 September 2021", datetime(2021, 9, 7)),  # noqa: DTZ001
        ("%Y%m%d%H", "2024010203", datetime(2024, 1, 2, 3)),  # noqa: DTZ001
        ("%Y.%m (%d) 100%%", "0001.01 (01) 100%", datetime(1, 1, 1)),  # noqa: DTZ001
        ("%Y%m%d", "٢٠٢٤٠١٠٢", None),
    ],
)
def test_a_date_is_read_otherwise_than_it_is_written(form: str, text: str, expected: datetime | None) -> None:
    expression = f"date(x, '{form}')"
    assert to_python(expression)({"x": text}) == expected
    assert computed(pl.DataFrame({"x": [text, text]}), {"y": expression})["y"].to_list() == [expected, expected]


@pytest.mark.parametrize(
    "regex", ["(a*)b", r"(\w+)\W*$", "((?:a|ab)*?)b", "(?:a|(b))+c", "(x+x+)+y", "(?:a?){30}(b)", r"(\B)"]
)
@pytest.mark.parametrize("text", ["", "a" * 30, "ab" * 15 + "c", "a" * 5_000, "xx" * 3_000 + "y", "ab" * 4_000 + "!"])
def test_a_pattern_takes_ages_or_matches_otherwise_in_one_row(regex: str, text: str) -> None:
    assert pattern(regex).search(text) == pl.Series([text]).str.extract(pattern(regex).rust, 1)[0]


@pytest.mark.parametrize("regex", ["(a*)*", "(?:a|(b*))*", "^*(a)", "a**(b)", "(a{1000})", "(" * 30 + "a" + ")" * 30])
def test_a_pattern_that_the_engines_read_differently_is_taken(regex: str) -> None:
    with pytest.raises(ExpressionError, match="pattern cannot be used"):
        type_of(f"extract(x, '{regex}')", {"x": "text"})


def test_an_expression_that_is_deep_or_names_an_argument_twice_takes_polars_for_ever() -> None:
    # Planned as one, each of these took from 8 s to longer than anyone waits.
    for text in (
        "if(" * 50 + "b" + ", b, true)" * 50,
        "+".join(["1"] * 150),
        "1" + " ^ a" * 100,
        "max(a, " * 90 + "1" + ")" * 90,
    ):
        made = computed(pl.DataFrame({"a": [1.0], "b": [True]}), {"c": text})
        assert made["c"][0] == to_python(text)({"a": 1.0, "b": True})


def test_replacements_within_replacements_fill_the_memory() -> None:
    text = "replace(" * 20 + "x" + ", 'a', 'aaaaaaaaaa')" * 20
    assert to_python(text)({"x": "a"}) is None
    assert computed(pl.DataFrame({"x": ["a", "b"]}), {"y": text})["y"].to_list() == [None, "b"]


def test_a_row_computed_alone_or_streamed_is_not_that_of_its_batch() -> None:
    frame = pl.DataFrame({"x": [2.4897903813014127e-151, 3.3], "y": [2.0, 2.0], "b": [True, None]})
    texts = {
        "p": "x ^ y",
        "q": "x / 7",
        "r": "if(b, x, y) % 0.7",
        "s": "case(x > 1, 'a', true, 'b')",
        "t": "if(true, 1, 2)",
    }
    whole = computed(frame, texts)
    assert computed(frame.lazy(), texts).collect(engine="streaming").equals(whole)
    assert pl.concat([computed(frame[:1], texts), computed(frame[1:], texts)]).equals(whole)
    assert computed(frame[:0], texts).schema == whole.schema


@pytest.mark.parametrize(
    ("text", "at", "word"),
    [
        ("a & b", 2, "and"),
        ("a | b", 2, "or"),
        ("!a", 0, "not"),
        ("~a", 0, "not"),
        ("x ** 2", 2, "^"),
        ("x // 2", 2, "floor(a / b)"),
        ("x <> 2", 2, "!="),
        ("df['x']", 2, "by its name alone"),
        ('t == "so"', 5, "'so'"),
        ("t.str.lower()", 1, "lower(name)"),
        ("t in ('a', 'b')", 2, "one_of("),
        ("if(t IN ('a'), 1, 2)", 5, "one_of("),
        ("x is null", 2, "is_missing("),
        ("x == null", 5, "nullif("),
        ("a == True", 5, "true"),
        ("a AND b", 2, "small letters"),
        ("x if a else 0", 2, "if(condition, yes, no)"),
        ("fillna(x, 0)", 0, "coalesce"),
        ("pow(x, 2)", 0, "^"),
        ("mean(x)", 0, "one row"),
        ("len(t)", 0, "length"),
        ("t + t", 0, "concat(a, b)"),
        ("d - d", 0, "days_between("),
        ("x * t", 4, "number(text)"),
        ("d > '2024-01-01'", 4, "date(text, "),
        ("local(d, 'Mars')", 9, "Europe/Berlin"),
        ("date(t, '%d')", 8, "%Y or %y"),
        ("days_since(d, '1.1.2020')", 14, "2024-01-31"),
        ("bin(x, 2, 1)", 7, "increase"),
        ("map(t, 'a', 1, 'a', 2)", 7, "twice"),
        ("one_of(t, t)", 10, "the same for all rows"),
        ("x < 9e999999", 4, "too large"),
        ("concat(" + ", ".join(["extract(t, '(a)')"] * 21) + ")", 398, "at most 20 patterns"),
        ("", 0, "the end"),
        ("t == '\ud800'", 6, "half of a character"),
        ("x" * 1_000_000, 10_000, "more than 10,000"),
        ("(" * 2_000, 600, "at most 600"),
        ("(" * 400 + "x" + ")" * 150, 150, "150 deep"),
    ],
)
def test_what_pandas_and_sql_say_is_not_told_how_it_is_said_here(text: str, at: int, word: str) -> None:
    with pytest.raises(ExpressionError) as failure:
        type_of(text, {"a": "boolean", "b": "boolean", "x": "number", "t": "text", "d": "date"})
    assert failure.value.at == at
    assert word in str(failure.value)
    assert len(str(failure.value)) < 2_000


def test_the_caret_is_beside_its_sign_in_a_long_text_or_a_wide_script() -> None:
    for text, sign in [("x + " * 100 + "?" + " + x" * 40, "?"), ("日本 & x", "&"), ("x\n\t&\u2028x", "&")]:
        with pytest.raises(ExpressionError) as failure:
            type_of(text, {"x": "number", "日本": "number"})
        lines = str(failure.value).split("\n")
        place = lines[2].index("^")
        assert lines[1][place] == sign
        assert lines[2][:place].count("\u3000") == text[: text.index(sign)].count("日") * 2


def _examples() -> list[str]:
    block = yaml.safe_load(DOCUMENT.split("```yaml")[1].split("```")[0])["features"]
    table = [line.split(" | ") for line in DOCUMENT.splitlines() if line.startswith("| `")]
    return [*block.values(), *(re.fullmatch(r"`(.+)` \|", cells[2]).group(1) for cells in table)]  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize("text", [*_examples(), *(function.example for function in FUNCTIONS.values())])
def test_an_example_cannot_be_computed(text: str) -> None:
    frame = pl.DataFrame([HOUSE])
    made = computed(frame, {"made": text})["made"][0]
    assert bits(made) == bits(to_python(text)(HOUSE))


def test_a_function_has_no_example_in_the_document() -> None:
    said = " ".join(_examples())
    for name in FUNCTIONS:
        sign = name.removeprefix("unary ")
        assert f"{sign}(" in said if sign.isidentifier() and sign not in ("and", "or", "not") else sign in said, name
