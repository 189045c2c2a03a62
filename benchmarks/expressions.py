"""Fuzzed declared features: each gives a value, the same bits in both backends, or an error at a character.

    python benchmarks/expressions.py --n 100000 --seed 1

Of twenty, eight are grown from the table of functions, five are such ones broken, three random words and signs, two
random Unicode, one a deep nest and one a long text. What can be typed is computed for strange rows: in Python one by
one, in polars as a batch of twelve and as a batch of one. It fails at the first wrong one, and prints it.

Times are the processor's, of the thread, so that a busy machine does not count. What takes more than 5 ms is timed
three times and the least counts, since the garbage of all the others is collected meanwhile.
"""

# ruff: noqa: E501, DTZ001
from __future__ import annotations

import argparse
import contextlib
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))
from tasks.core import syntax
from tasks.core.expressions import computed, to_python, type_of
from tasks.core.functions import FUNCTIONS, Type
from tasks.core.patterns import pattern
from tasks.core.syntax import ExpressionError

TYPES: dict[str, Type] = {
    "a": "number",
    "n": "number",
    "text": "text",
    "other text": "text",
    "größe": "text",
    "yes": "boolean",
    "no": "boolean",
    "day": "date",
    "when": "date",
}
SCHEMA: dict[str, Any] = {
    "a": pl.Float64,
    "n": pl.Int64,
    "text": pl.String,
    "other text": pl.String,
    "größe": pl.String,
    "yes": pl.Boolean,
    "no": pl.Boolean,
    "day": pl.Date,
    "when": pl.Datetime("us"),
}
_NUMBERS = [0.0, -0.0, 0.5, -0.5, 1.0, 2.5, -2.5, 1e308, -1e308, 5e-324, 1e-5, 1e16, -1.5e-7, 709.8, 0.1, 7.0, -3.0]
_NOT_NUMBERS = [float("nan"), float("inf"), -float("inf"), None]
_TEXTS = [
    "", " ", "a", "Braund, Mr. Owen", "ΑΣ ΣΑΣ.", "İstanbul ŉ ß ﬃ", "\x1c\u00a0x\x00\n", "日本 12,5", "1e5", " -.5e-3\t",
    "31.12.1999", "2024-02-29 23:59:59.5", "29.02.2023", "a,b,,c,", "😀é e\u0301", "a'b\"c\\d$1${1}", "ab" * 60, "𐵐Σ",
    "x" * 3000, "Jan 5 2020", "12:30 am", "0x1F", "nan", "Infinity", "1_000", "٣", "aaaa",
]  # fmt: skip
_DAYS = [date(1, 1, 1), date(1900, 2, 28), date(2024, 2, 29), date(2023, 12, 31), date(9999, 12, 31), date(1970, 1, 1)]
_MOMENTS = [
    datetime(1, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
    datetime(2024, 3, 31, 1),
    datetime(2024, 10, 27, 0, 59, 59, 999999),
    datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(1890, 3, 31, 23, 6, 31),
    datetime(2150, 7, 1, 12),
]
PATTERNS = [
    r", ([A-Za-z]+)", r"^(.)", r"(\w+)\W*$", r"\b(\d+|[^\d\s]{2,3}?)", r"(?:a|(b))*", r"([\w.-]+)\.", "(a*)b", "()",
    r"((?:a|ab)*?)b", r"([^,]*),", r"(?:(\d+)[.,:/-]?)+", r"(\S+)\s*$", r"(a|b|ab)(?:c|bcd)?", r"(x+x+)+y", "(é|.)$",
    r"(?:x*)*(y)", r"(a{2,400})", r"((a))", r"(?P<a>b)", "([z-a])", "(", "a**(b)", "(a{1000}{1000})", r"(\d+(?:[.]\d+)?)",
]  # fmt: skip
_WORDS = ["and", "or", "not", "true", "false", "True", "None", "in", "is", "null", "IN", "AND", "if", "case", "when"]
_SIGNS = [*"+-*/%^<>(),=&|!~[]{}.:;@#$\"'`\\?", "<=", ">=", "==", "!=", "**", "//", "&&", "||", "<>", "'", "(", ")"]


def rows(chance: random.Random, n: int) -> list[dict[str, Any]]:
    """Strange rows."""
    return [
        {
            "a": chance.choice([*_NUMBERS, *_NOT_NUMBERS, chance.gauss(0, 100), chance.gauss(0, 1e-3)]),
            "n": chance.choice([0, 1, -1, 3, 12, 2**53, -(2**53), 2**63 - 1, None, chance.randrange(-100, 100)]),
            "text": chance.choice([*_TEXTS, None]),
            "other text": chance.choice([*_TEXTS, None]),
            "größe": chance.choice([*_TEXTS, None, "".join(chance.choices("ab, .12é", k=8))]),
            "yes": chance.choice([True, False, None]),
            "no": chance.choice([True, False, None]),
            "day": chance.choice([*_DAYS, None]),
            "when": chance.choice(
                [*_MOMENTS, None, datetime(1900 + chance.randrange(200), 1 + chance.randrange(12), 9, 5)]
            ),
        }
        for _ in range(n)
    ]


# Expressions


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _number(chance: random.Random) -> str:
    return chance.choice(["0", "1", "2", "3", "0.5", "12", "1e308", "5e-324", "7.25", "100000", "0.1", "1e16", "-1"])


def _text(chance: random.Random) -> str:
    return _quoted(chance.choice([*_TEXTS[:18], "".join(chance.choices("ab ,.%Ym", k=chance.randrange(6)))]))


_CONSTANTS: dict[str, Callable[[random.Random], str]] = {
    "pattern": lambda chance: _quoted(chance.choice([*PATTERNS, "".join(chance.choices("ab(|)*+?.[^]{}2,\\d$", k=8))])),
    "constant text": _text,
    "part": lambda chance: _quoted(chance.choice(["a", ",", " ", ".", "ab", "é", "Σ", "$", ", ", "x", "", "aa"])),
    "constant number": _number,
    "whole": lambda chance: str(chance.choice([0, 1, 2, 5, 100, 100_000, -1, 0.5])),
    "position": lambda chance: str(chance.choice([1, 2, 3, 100, 0, 1e300])),
    "place": lambda chance: str(chance.choice([1, 2, -1, -2, 3, 0, 1000])),
    "digits": lambda chance: str(chance.choice([0, 1, 2, 3, 15, 16])),
    "period": lambda chance: str(chance.choice([12, 24, 7, 0.1, 0, 1e308, 5e-324])),
    "zone": lambda chance: _quoted(chance.choice(["Europe/Berlin", "Asia/Tokyo", "UTC", "America/St_Johns", "Mars"])),
    "format": lambda chance: _quoted(
        chance.choice(["%d.%m.%Y", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S.%f", "%b %d %Y", "%d.%m.%y", "%I:%M %p", "%Q", "%"])
    ),
    "moment": lambda chance: _quoted(
        chance.choice(["2020-01-01", "0001-01-01", "2024-01-31 18:00", "2020-13-01", "x"])
    ),
    "unit": lambda chance: _quoted(chance.choice(["year", "quarter", "month", "week", "day", "hour", "minute", "age"])),
}
_INFIX = {name for name in FUNCTIONS if not name[0].isalpha()} | {"and", "or"}


def grown(chance: random.Random, kind: Type, depth: int) -> str:
    """An expression of this type, mostly."""
    if depth <= 0 or chance.random() < 0.15:
        names = [name if name.isidentifier() else f"`{name}`" for name, found in TYPES.items() if found == kind]
        literals = {"number": _number, "text": _text, "boolean": lambda chance: chance.choice(["true", "false"])}
        return literals[kind](chance) if kind in literals and chance.random() < 0.3 else chance.choice(names)
    made: list[tuple[str, Type]] = [
        (name, kind) for name, function in FUNCTIONS.items() if function.gives in (kind, "same", "other")
    ]
    if kind == "date":
        made += [("local", kind), ("date", kind), ("truncate", kind)]
    name = chance.choice(made)[0]
    function = FUNCTIONS[name]
    n_arguments = chance.choice([n for n in range(9) if function.wanted(n) is not None])
    any_kind = kind if function.gives == "same" else chance.choice(["number", "text", "date"])
    arguments = []
    for wanted in function.wanted(n_arguments) or ():
        if wanted in ("any", "ordered"):
            arguments.append(grown(chance, any_kind, depth - 1))
        elif wanted == "other":
            arguments.append(grown(chance, kind, depth - 1))
        elif wanted in ("constant", "other constant"):
            what = any_kind if wanted == "constant" else kind
            arguments.append(_number(chance) if what == "number" else _text(chance) if what == "text" else "true")
        elif wanted in _CONSTANTS:
            arguments.append(_CONSTANTS[wanted](chance))
        else:
            arguments.append(grown(chance, wanted, depth - 1))
    if name == "unary -":
        return f"-{arguments[0]}"
    if name == "not":
        return f"not ({arguments[0]})"
    return f"({f' {name} '.join(arguments)})" if name in _INFIX else f"{name}({', '.join(arguments)})"


def _any_grown(chance: random.Random, depth: int = 4) -> str:
    return grown(chance, chance.choice(["number", "text", "boolean", "date"]), chance.randrange(1, depth + 1))


def _broken(chance: random.Random) -> str:
    text = _any_grown(chance)
    for _ in range(chance.randrange(1, 4)):
        at, end = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
        end = min(end, at + 8)
        middle = chance.choice(
            ["", chance.choice(_SIGNS), chance.choice(_WORDS), text[at:end] * 2, chr(chance.randrange(1, 0x3000))]
        )
        text = text[:at] + middle + text[end:]
    return text


def _tokens(chance: random.Random) -> str:
    some = [*FUNCTIONS, *TYPES, *_WORDS, *_SIGNS, "1", "2.5", "'x'", "9e999999", "1e5", "`a`", "df['x']", '"q"', "x.y"]
    return chance.choice(["", " "]).join(chance.choices(some, k=chance.randrange(1, 25)))


def _unicode(chance: random.Random) -> str:
    top = chance.choice([0x80, 0x800, 0x10000, 0x110000])
    signs = [chr(chance.randrange(top)) for _ in range(chance.randrange(40))]
    return "".join(chance.choice([sign, chance.choice(_SIGNS), "a"]) for sign in signs)


def _deep(chance: random.Random) -> str:
    depth = chance.choice([5, 50, 140, 149, 151, 400, 3000])
    opening, inner, closing = chance.choice([
        ("(", "a", ")"), ("-", "a", ""), ("abs(", "a", ")"), ("not ", "yes", ""), ("if(", "yes", ", yes, no)"),
        ("if(yes, a, ", "n", ")"), ("a + ", "n", ""), ("a ^ ", "n", ""), ("max(a, ", "n", ", n)"), ("lower(", "text", ")"),
        ("is_missing(", "a", ")"), ("replace(", "text", ", 'a', 'aaaa')"), ("concat(text, ", "text", ")"), ("(", "", ""),
        ("coalesce(", "a", ", n)"), ("extract(", "text", ", '(.+)')"), ("case(is_missing(", "a", "), true, false)"),
        ("map(", "text", ", 'a', 'b', text)"), ("bin(", "a", ", 0, 10)"), ("nullif(", "a", ", n)"), ("f(", "a", ")"),
    ])  # fmt: skip
    return opening * depth + inner + closing * depth


def _long(chance: random.Random) -> str:
    size = chance.choice([300, 3000, 9000, 20_000, 1_000_000])
    return chance.choice([
        lambda: "a" * size, lambda: "'" + "x" * size, lambda: "'" + "x" * size + "'", lambda: "9" * size,
        lambda: f"extract(text, '({'a' * size})')", lambda: f"one_of(text{', ' + _quoted('x' * 9) * (size // 12)})",
        lambda: "one_of(a, " + ", ".join(map(str, range(size // 5))) + ")", lambda: " " * size + "a",
        lambda: "extract(text, '(" + "(?:" * (size // 6) + "a" + ")*" * (size // 6) + ")')", lambda: "a + " * (size // 4) + "a",
        lambda: "concat(" + ", ".join(["text"] * (size // 6)) + ")", lambda: "1e" + "9" * size, lambda: "`" + "é" * size + "`",
        lambda: "map(text" + "".join(f", '{i}', {i}" for i in range(size // 10)) + ")", lambda: "''" * size,
        lambda: "case(" + ", ".join(f"a > {i}, {i}" for i in range(size // 12)) + ", 0)", lambda: "lengt" * (size // 5) + "(a)",
        lambda: "date(text, '" + "%d" * (size // 2) + "')", lambda: "bin(a, " + ", ".join(map(str, range(size // 5))) + ")",
        lambda: "min(" + ", ".join(["a", "n", "1"] * (size // 10)) + ")", lambda: "\\" * size, lambda: "'\\" * (size // 2),
    ])()  # fmt: skip


KINDS: dict[str, tuple[int, Callable[[random.Random], str]]] = {
    "grown": (8, _any_grown),
    "broken": (5, _broken),
    "tokens": (3, _tokens),
    "unicode": (2, _unicode),
    "deep": (1, _deep),
    "long": (1, _long),
}
"""How many of twenty are of a kind, and what makes one."""


def expressions(seed: int, n: int) -> Iterator[tuple[str, str]]:
    """So many expressions, and what kind each is."""
    chance = random.Random(seed)
    order = [kind for kind, (share, _) in KINDS.items() for _ in range(share)]
    for at in range(n):
        kind = order[at % len(order)]
        yield kind, KINDS[kind][1](chance)


# Checks


class Wrong(AssertionError):
    """An expression that is neither a value equal in both backends nor an error that points at a character."""


@dataclass
class Tally:
    """What became of the expressions, and the seconds that each took."""

    outcomes: Counter[str] = field(default_factory=Counter)
    functions: Counter[str] = field(default_factory=Counter)
    reading: list[float] = field(default_factory=list)
    computing: list[float] = field(default_factory=list)
    slowest: dict[str, tuple[float, str]] = field(default_factory=dict)


def bits(value: Any) -> Any:
    """The value, or the bits of a number."""
    return struct.pack("<d", value) if isinstance(value, float) else value


def run(seed: int, n: int, n_rows: int = 12, together: int = 100) -> Tally:
    """Checks so many expressions. Wrong at the first that is neither a value nor an error as it should be."""
    strange = rows(random.Random(seed), n_rows)
    tally, waiting = Tally(), list[tuple[str, list[Any]]]()
    for kind, text in expressions(seed, n):
        outcome = _read(text, tally)
        tally.outcomes[f"{kind}: {outcome}"] += 1
        if outcome == "value":
            tally.functions.update(_called(text))
            waiting.append((text, _computed(text, strange, tally)))
        if len(waiting) >= together:
            _compare(waiting, strange)
            waiting.clear()
    _compare(waiting, strange)
    return tally


def _called(text: str) -> Iterator[str]:
    waiting = [syntax.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, syntax.Call):
            yield node.function
            waiting.extend(node.arguments)


def _timed(times: list[float], name: str, text: str, tally: Tally, work: Callable[[], Any]) -> Any:
    start = time.thread_time()
    try:
        return work()
    finally:
        taken = time.thread_time() - start
        for _ in range(2 if taken > 0.005 else 0):
            taken = min(taken, _again(work))
        times.append(taken)
        tally.slowest[name] = max(tally.slowest.get(name, (0.0, "")), (taken, text))


def _again(work: Callable[[], Any]) -> float:
    syntax.parse.cache_clear()
    pattern.cache_clear()
    start = time.thread_time()
    with contextlib.suppress(ExpressionError):
        work()
    return time.thread_time() - start


def _read(text: str, tally: Tally) -> str:
    try:
        _timed(tally.reading, "parse and type", text, tally, lambda: type_of(text, TYPES))
    except ExpressionError as error:
        if not 0 <= error.at < max(1, len(text)) or "^" not in str(error) or len(str(error)) > 3_000:
            raise Wrong(f"{text[:300]!r} points at {error.at}: {error}") from error
    except BaseException as error:
        raise Wrong(f"{text[:300]!r}: {error!r}") from error
    else:
        return "value"
    try:
        syntax.parse(text)
    except ExpressionError:
        return "parse error"
    return "type error"


def _computed(text: str, strange: Sequence[dict[str, Any]], tally: Tally) -> list[Any]:
    try:
        one = to_python(text)
        one(strange[0])  # The first row may build a zone's table or load polars.
        return [_timed(tally.computing, "one row", text, tally, lambda row=row: one(row)) for row in strange]
    except BaseException as error:
        raise Wrong(f"{text[:3000]!r} in Python: {error!r}") from error


def _compare(waiting: Sequence[tuple[str, list[Any]]], strange: Sequence[dict[str, Any]]) -> None:
    frame = pl.DataFrame(strange, schema=SCHEMA, strict=False)
    try:
        _compare_once(waiting, frame)
    except Wrong:
        raise
    except BaseException as error:
        if len(waiting) == 1:
            raise Wrong(f"{waiting[0][0][:3000]!r} in polars: {error!r}") from error
        for one in waiting:
            _compare([one], strange)


def _compare_once(waiting: Sequence[tuple[str, list[Any]]], frame: pl.DataFrame) -> None:
    wanted = {f"{at} ": text for at, (text, _) in enumerate(waiting)}
    batch, first = computed(frame, wanted), computed(frame.head(1), wanted)
    for name, (text, expected) in zip(wanted, waiting, strict=True):
        for row, (found, one) in enumerate(zip(batch[name].to_list(), expected, strict=True)):
            if bits(found) != bits(one):
                raise Wrong(
                    f"{text[:3000]!r} is {found!r} in polars, {one!r} in Python, of {frame.row(row, named=True)}"
                )
        if bits(first[name][0]) != bits(expected[0]):
            raise Wrong(f"{text[:3000]!r} is {first[name][0]!r} in a batch of one row, {expected[0]!r} in Python")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    tally = run(options.seed, options.n)
    for outcome, count in sorted(tally.outcomes.items()):
        print(f"{outcome:24} {count:8,}")
    for name, times in (("parse and type", tally.reading), ("one row", tally.computing)):
        times.sort()
        middle, high = times[len(times) // 2], times[int(len(times) * 0.999)]
        print(f"{name:24} median {middle * 1e3:.3f} ms, 99.9 % {high * 1e3:.3f} ms, most {times[-1] * 1e3:.3f} ms")
        print(f"    slowest: {tally.slowest[name][1][:150]!r}")
    print(
        f"functions computed: {len(tally.functions)} of {len(FUNCTIONS)}, least often {tally.functions.most_common()[-1]}"
    )
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
