"""What those who know pandas, Python or SQL may have typed, and how it is written in a declared feature."""

from __future__ import annotations

_ROW = "A declared feature sees one row alone: what needs other rows belongs into the source, in SQL for instance"
_COLUMN = "A column is written by its name alone, `so` when it has spaces or signs in it"

SIGNS = {
    "&": "Both is written and: a > 1 and b > 2",
    "&&": "Both is written and: a > 1 and b > 2",
    "|": "Either is written or: a > 1 or b > 2",
    "||": "Texts are joined by concat(a, b); either is written or: a > 1 or b > 2",
    "!": "The opposite is written not: not a > 1; unequal is written !=",
    "~": "The opposite is written not: not a > 1",
    "**": "A power is written ^: a ^ 2",
    "//": "A whole quotient is written floor(a / b)",
    "<>": "Unequal is written !=",
    "===": "Equality is written ==",
    '"': "Text is written in single quotes: 'so'; a column with spaces `so`",
    "[": _COLUMN,
    "]": _COLUMN,
    ".": "A function is written before what it is of: lower(name), log(price); " + _COLUMN[0].lower() + _COLUMN[1:],
    "?": "A choice is written if(condition, yes, no)",
    ":": "A choice is written if(condition, yes, no), a part of a text substring(name, 1, 3)",
    "@": _COLUMN,
    "$": _COLUMN,
    "{": "A choice by value is written map(city, 'Paris', 1, 'Lyon', 2)",
    ";": "A declared feature is one expression",
}
"""Signs that mean nothing here."""

WORDS = {
    "and": "It is written and, in small letters",
    "or": "It is written or, in small letters",
    "not": "It is written not: not one_of(city, 'Paris')",
    "in": "One of several values is written one_of(city, 'Paris', 'Lyon')",
    "is": "Whether a value is missing is written is_missing(price)",
    "between": "Between is written 1 <= rooms and rooms <= 3",
    "like": "It is written contains(name, 'part'), starts_with or ends_with",
    "ilike": "It is written contains(lower(name), 'part')",
    "mod": "A remainder is written a % b",
    "if": "A choice is written if(condition, yes, no)",
    "when": "A choice is written case(condition, yes, condition, yes, otherwise)",
    "as": "The name stands before the expression: name: expression",
}
"""Words between two expressions."""

NAMES = {
    "true": "It is written true",
    "false": "It is written false",
    **dict.fromkeys(
        ("null", "none", "nan", "na", "nil"),
        "Whether a value is missing is written is_missing(price); a value is made missing by nullif(price, -1)",
    ),
    "pi": "It is written pi()",
    "inf": "There are no infinite numbers; what would be one is missing",
    "case": "A choice is written case(condition, yes, condition, yes, otherwise)",
}
"""Names of no column."""

FUNCTIONS = {
    **dict.fromkeys(("len", "char_length", "nchar"), "length"),
    **dict.fromkeys(("fillna", "ifnull", "nvl", "fill_null"), "coalesce"),
    **dict.fromkeys(("isnull", "isna", "is_null", "isnan", "is_nan"), "is_missing"),
    **dict.fromkeys(("notnull", "notna", "is_not_null"), "not is_missing"),
    **dict.fromkeys(("where", "iff", "ifelse", "if_else"), "if"),
    **dict.fromkeys(("substr", "mid", "slice"), "substring"),
    **dict.fromkeys(("trim", "strip_chars"), "strip"),
    **dict.fromkeys(("tolower", "to_lower", "lcase", "casefold"), "lower"),
    **dict.fromkeys(("toupper", "to_upper", "ucase"), "upper"),
    **dict.fromkeys(("regexp_extract", "regexp_substr", "regex", "match"), "extract"),
    **dict.fromkeys(("split", "string_split"), "split_part"),
    **dict.fromkeys(("isin", "is_in", "in"), "one_of"),
    **dict.fromkeys(("decode", "recode"), "map"),
    **dict.fromkeys(("cut", "digitize", "width_bucket"), "bin"),
    **dict.fromkeys(("ln", "log10", "log2"), "log"),
    **dict.fromkeys(("ceiling",), "ceil"),
    **dict.fromkeys(("int", "trunc"), "floor"),
    **dict.fromkeys(("greatest", "maximum"), "max"),
    **dict.fromkeys(("least", "minimum"), "min"),
    **dict.fromkeys(("float", "to_number", "to_numeric", "cast"), "number"),
    **dict.fromkeys(("str", "string", "to_char"), "text"),
    **dict.fromkeys(("to_date", "to_datetime", "strptime", "datetime", "timestamp"), "date"),
    **dict.fromkeys(("date_trunc", "floor_date"), "truncate"),
    **dict.fromkeys(("tz_convert", "convert_timezone", "at_time_zone"), "local"),
    **dict.fromkeys(("dayofweek", "day_of_week", "dow"), "weekday"),
    **dict.fromkeys(("day_of_year", "doy", "ordinal_day"), "dayofyear"),
    **dict.fromkeys(("weekofyear", "isoweek"), "week"),
    **dict.fromkeys(("datediff", "date_diff"), "days_between"),
    **dict.fromkeys(("asin",), "arcsin"),
    **dict.fromkeys(("acos",), "arccos"),
    **dict.fromkeys(("atan2",), "arctan2"),
}
"""Names of other dialects for functions that are here."""

_SIGNED = {
    "pow": SIGNS["**"],
    "power": SIGNS["**"],
    "mod": WORDS["mod"],
    "between": WORDS["between"],
    "atan": "It is written arctan2(a, 1)",
    **dict.fromkeys(
        ("sum", "mean", "avg", "median", "std", "rank", "lag", "lead", "shift", "diff", "rolling", "groupby", "over"),
        _ROW,
    ),
}


def function(name: str) -> str:
    """How the function of another dialect is written here; empty when it is not known."""
    here = FUNCTIONS.get(name.lower())
    return f"It is called {here} here" if here else _SIGNED.get(name.lower(), "")


def sign(text: str, at: int) -> str:
    """How the sign at this place of the text is written here; empty when it is not known."""
    return next((SIGNS[text[at : at + n]] for n in (3, 2, 1) if text[at : at + n] in SIGNS), "")
