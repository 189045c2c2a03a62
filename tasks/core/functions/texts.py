"""Texts: their parts, their letters, and numbers that are written in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tasks.core.functions.function import Function, let
from tasks.core.functions.letters import lower, upper
from tasks.core.patterns import pattern

if TYPE_CHECKING:
    import polars as pl

SPACES = " \t\n\r\f\v"
LONGEST = 100_000
"""Characters of a text that `replace` may make longer: replacements within replacements would fill the memory."""
_WORD = r"[^ \t\n\r\f\v]+"
_WORDS = re.compile(_WORD)
_NUMBER = r"^[ \t\n\r\f\v]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t\n\r\f\v]*$"
_NUMBERS = re.compile(_NUMBER.replace("$", r"\Z"))


def _extract_polars(text: pl.Expr, regex: str) -> pl.Expr:
    return text.str.extract(pattern(regex).rust, 1)


def _count_polars(text: pl.Expr, part: str) -> pl.Expr:
    import polars as pl

    return text.str.count_matches(part, literal=True).cast(pl.Float64)


def _length_polars(text: pl.Expr) -> pl.Expr:
    import polars as pl

    return text.str.len_chars().cast(pl.Float64)


def _words_polars(text: pl.Expr) -> pl.Expr:
    import polars as pl

    return text.str.count_matches(_WORD).cast(pl.Float64)


def _replace_polars(text: pl.Expr, part: str, by: str) -> pl.Expr:
    import polars as pl

    growth = len(by) - len(part)

    def replaced(text: pl.Expr) -> pl.Expr:
        n_found = text.str.count_matches(part, literal=True).cast(pl.Int64)
        is_short = text.str.len_chars().cast(pl.Int64) + n_found * growth <= LONGEST
        # Polars replaces within what is masked as missing, too: nothing may be left there.
        short = pl.when(is_short).then(text).otherwise(pl.lit(""))
        return pl.when(is_short).then(short.str.replace_all(part, by, literal=True))

    return text.str.replace_all(part, by, literal=True) if growth <= 0 else let([text], replaced)


def _replace_python(part: str, by: str) -> Callable[[str], str | None]:
    growth = len(by) - len(part)

    def replaced(text: str) -> str | None:
        too_long = growth > 0 and len(text) + text.count(part) * growth > LONGEST
        return None if too_long else text.replace(part, by)

    return replaced


def _split_part_polars(text: pl.Expr, separator: str, position: float) -> pl.Expr:
    return text.str.split(separator).list.get(int(position - (position > 0)), null_on_oob=True)


def _split_part_python(separator: str, position: float) -> Callable[[str], str | None]:
    at = int(position - (position > 0))

    def part(text: str) -> str | None:
        parts = text.split(separator)
        return parts[at] if -len(parts) <= at < len(parts) else None

    return part


def _substring_polars(text: pl.Expr, start: float, length: float) -> pl.Expr:
    return text.str.slice(int(start) - 1, int(length))


def _substring_python(start: float, length: float) -> Callable[[str], str]:
    first, end = int(start) - 1, int(start) - 1 + int(length)
    return lambda text: text[first:end]


def _left_python(length: float) -> Callable[[str], str]:
    end = int(length)
    return lambda text: text[:end]


def _right_python(length: float) -> Callable[[str], str]:
    start = int(length)
    return lambda text: text[-start:] if start else ""


def _concat_polars(*texts: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.concat_str(texts)


def _number_polars(text: pl.Expr) -> pl.Expr:
    import polars as pl

    return text.str.extract(_NUMBER, 1).cast(pl.Float64, strict=False)


def _number_python(text: str) -> float | None:
    found = _NUMBERS.match(text)
    return float(found[1]) if found else None


def _text_polars(number: pl.Expr) -> pl.Expr:
    import polars as pl

    return number.cast(pl.String).str.strip_suffix(".0")


def _text_python(number: float) -> str:
    # The shortest digits in both, but polars writes 0.00001 and 1e-7 where Python writes 1e-05 and 1e-07.
    written = repr(number)
    if written.endswith("e-05"):
        return f"{'-' * (number < 0)}0.0000{written[:-4].replace('.', '').lstrip('-')}"
    return written.replace("e-0", "e-").removesuffix(".0")


TEXTS: dict[str, Function] = {
    "length": Function(("text",), "number", _length_polars, lambda a: float(len(a)), "length(name)"),
    "words": Function(("text",), "number", _words_polars, lambda a: float(len(_WORDS.findall(a))), "words(name)"),
    "count": Function(
        ("text", "part"), "number", _count_polars, lambda part: lambda a: float(a.count(part)), "count(name, ',')"
    ),
    "contains": Function(
        ("text", "constant text"),
        "boolean",
        lambda a, part: a.str.contains(part, literal=True),
        lambda part: lambda a: part in a,
        "contains(name, 'garden')",
    ),
    "starts_with": Function(
        ("text", "part"),
        "boolean",
        lambda a, part: a.str.starts_with(part),
        lambda part: lambda a: a.startswith(part),
        "starts_with(city, 'San ')",
    ),
    "ends_with": Function(
        ("text", "part"),
        "boolean",
        lambda a, part: a.str.ends_with(part),
        lambda part: lambda a: a.endswith(part),
        "ends_with(city, 'ville')",
    ),
    "extract": Function(
        ("text", "pattern"), "text", _extract_polars, lambda regex: pattern(regex).search, r"extract(name, '(\d+) m2')"
    ),
    "split_part": Function(
        ("text", "part", "place"), "text", _split_part_polars, _split_part_python, "split_part(name, ', ', 1)"
    ),
    "left": Function(
        ("text", "whole"), "text", lambda a, n: a.str.slice(0, int(n)), _left_python, "left(city, 2)"
    ),
    "right": Function(
        ("text", "whole"), "text", lambda a, n: a.str.tail(int(n)), _right_python, "right(city, 2)"
    ),
    "substring": Function(
        ("text", "position", "whole"), "text", _substring_polars, _substring_python, "substring(name, 2, 3)"
    ),
    "replace": Function(
        ("text", "part", "constant text"), "text", _replace_polars, _replace_python, "replace(name, ',', '')"
    ),
    "concat": Function(
        ("text", "text"), "text", _concat_polars, lambda *texts: "".join(texts), "concat(city, '_', left(name, 1))",
        repeats=1,
    ),
    "lower": Function(("text",), "text", lambda a: a.str.to_lowercase(), lower, "lower(city)"),
    "upper": Function(("text",), "text", lambda a: a.str.to_uppercase(), upper, "upper(city)"),
    "strip": Function(("text",), "text", lambda a: a.str.strip_chars(SPACES), lambda a: a.strip(SPACES), "strip(city)"),
    "number": Function(("text",), "number", _number_polars, _number_python, "number(replace(name, ',', '.'))"),
    "text": Function(("number",), "text", _text_polars, _text_python, "text(rooms)"),
}  # fmt: skip
