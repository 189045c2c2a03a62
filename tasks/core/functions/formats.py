"""Dates that are written in texts: a format as in strftime, the same in polars and in Python.

Both read with one regular expression, made here, since chrono (polars) and strptime differ: in spaces, in names of
months, in fractions, in how many digits they take. Years of two digits are those of 1970 to 2069, as in chrono.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_SPRING = ["January", "February", "March", "April", "May", "June"]
_MONTHS = [*_SPRING, "July", "August", "September", "October", "November", "December"]


def _one_of(names: Iterable[str]) -> str:
    # (?i) would also take the Kelvin sign for a k in one engine and not in the other.
    return "|".join("".join(f"[{sign.upper()}{sign.lower()}]" for sign in name) for name in names)


_DIRECTIVES = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "1[0-2]|0?[1-9]",
    "d": "3[01]|[12][0-9]|0?[1-9]",
    "H": "2[0-3]|[01]?[0-9]",
    "I": "1[0-2]|0?[1-9]",
    "M": "[0-5]?[0-9]",
    "S": "[0-5]?[0-9]",
    "f": "[0-9]{1,6}",
    "p": _one_of(["am", "pm"]),
    "b": _one_of([month[:3] for month in _MONTHS]),
    "B": _one_of(_MONTHS),
}
_PIECES = re.compile(r"%(.?)|([^%]+)", re.DOTALL)
_NEEDED = (("Y", "y"), ("m", "b", "B"), ("d",))


@lru_cache(maxsize=256)
def regex_of(form: str) -> re.Pattern[str]:
    """What a text of this format looks like, a named group for each part; ValueError when the format says no date."""
    regex, seen = "", set[str]()
    for piece in _PIECES.finditer(form):
        directive = piece[1]
        if directive is None:
            regex += re.escape(piece[2])
        elif directive == "%":
            regex += "%"
        elif directive not in _DIRECTIVES:
            raise ValueError(f"'%{directive}' is not read; there are %{', %'.join(_DIRECTIVES)} and %%")
        elif directive in seen:
            raise ValueError(f"'%{directive}' is there twice")
        elif directive == "f" and not regex.endswith(r"\."):
            raise ValueError("'%f' stands after a point")
        else:
            seen.add(directive)
            regex += f"(?P<{directive}>{_DIRECTIVES[directive]})"
    for choices in _NEEDED:
        if len(seen.intersection(choices)) != 1:
            raise ValueError(f"a date is read from one of {' or '.join(f'%{each}' for each in choices)}")
    if len(seen & {"H", "I"}) > 1 or ("I" in seen) != ("p" in seen):
        raise ValueError("an hour is read from %H, or from %I with %p")
    for part, needs in (("M", "HI"), ("S", "M"), ("f", "S")):
        if part in seen and not seen.intersection(needs):
            raise ValueError(f"'%{part}' needs '%{needs[0]}' before it")
    return re.compile(regex)


def date_polars(text: pl.Expr, form: str) -> pl.Expr:
    """The moment that the text says in this format; missing when it says none."""
    import polars as pl

    regex = regex_of(form).pattern
    named = {name for name in _DIRECTIVES if f"(?P<{name}>" in regex}
    # The text in a form that chrono reads in one way alone.
    year, month = ("%Y" if "Y" in named else "%y"), next(each for each in "mbB" if each in named)
    chrono, shape = f"{year} %{month} %d", f"${{{year[1]}}} ${{{month}}} ${{d}}"
    for parts in ("H", "Ip", "M", "S", "f"):
        if not set(parts) <= named:
            continue
        chrono += "%.f" if parts == "f" else "".join(f" %{part}" for part in parts)
        shape += ".${f}" if parts == "f" else "".join(f" ${{{part}}}" for part in parts)
    if "M" not in named:
        chrono, shape = f"{chrono} %M", f"{shape} 0"  # chrono reads no hour without minutes
        if not named & {"H", "I"}:
            chrono, shape = f"{chrono} %H", f"{shape} 0"
    matching = text.str.extract(f"^({regex})$", 1)
    return matching.str.replace(f"^{regex}$", shape).str.to_datetime(
        chrono, time_unit="us", strict=False, ambiguous="null"
    ).cast(pl.Datetime("us"))  # fmt: skip


def date_python(form: str) -> Callable[[str], datetime | None]:
    """A function from a text to the moment that it says in this format; ValueError for a day that no month has."""
    regex = regex_of(form)
    months = {month[:3].lower(): number for number, month in enumerate(_MONTHS, 1)}

    def read(text: str) -> datetime | None:
        found = regex.fullmatch(text)
        if found is None:
            return None
        part = found.groupdict()
        year = int(part["Y"]) if "Y" in part else (int(part["y"]) - 70) % 100 + 1970
        month = int(part["m"]) if "m" in part else months[(part.get("b") or part["B"])[:3].lower()]
        hour = int(part["H"]) if "H" in part else int(part.get("I", 0)) % 12
        hour += 12 * (part.get("p", "am").lower() == "pm")
        fraction = int(part.get("f", "0").ljust(6, "0"))
        return datetime(year, month, int(part["d"]), hour, int(part.get("M", 0)), int(part.get("S", 0)), fraction)  # noqa: DTZ001

    return read
