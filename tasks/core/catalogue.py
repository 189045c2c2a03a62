"""The expectations that keepfit runs, with their scope and arguments, known without Great Expectations.

Importing that takes seconds, and it only logs a name that it does not know; so every name and argument is checked
here, before any data are read. A test holds the catalogue against the installed Great Expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, cast, get_args

from tasks.core.conditions import check_condition
from tasks.core.nearest import nearest
from tasks.core.records import ColumnType

COLUMN_TYPES: tuple[str, ...] = get_args(ColumnType)
OURS = ("mostly", "severity", "reason", "notes")
"""The arguments that keepfit answers for itself."""
LONGEST_SET = 10
"""Values of a set that are shown."""

Scope = Literal["rows", "column", "table", "schema"]
"""What must be seen at once: any batch of rows, a column's every row, the table's figures, or only its columns."""

_BOUNDS = "min_value max_value strict_min strict_max"
_PAIR = "column_A! column_B! ignore_row_if"
_LIST = "column_list! ignore_row_if"

CATALOGUE: dict[str, tuple[Scope, str]] = {
    "expect_column_pair_values_a_to_be_greater_than_b": ("rows", f"{_PAIR} or_equal"),
    "expect_column_pair_values_to_be_equal": ("rows", _PAIR),
    "expect_column_pair_values_to_be_in_set": ("rows", f"{_PAIR} value_pairs_set!"),
    "expect_column_value_lengths_to_be_between": ("rows", f"column! {_BOUNDS}"),
    "expect_column_value_lengths_to_equal": ("rows", "column! value!"),
    "expect_column_values_to_be_between": ("rows", f"column! {_BOUNDS}"),
    "expect_column_values_to_be_dateutil_parseable": ("rows", "column!"),
    "expect_column_values_to_be_in_set": ("rows", "column! value_set!"),
    "expect_column_values_to_be_json_parseable": ("rows", "column!"),
    "expect_column_values_to_be_null": ("rows", "column!"),
    "expect_column_values_to_match_json_schema": ("rows", "column! json_schema!"),
    "expect_column_values_to_match_regex": ("rows", "column! regex!"),
    "expect_column_values_to_match_regex_list": ("rows", "column! regex_list! match_on"),
    "expect_column_values_to_match_strftime_format": ("rows", "column! strftime_format!"),
    "expect_column_values_to_not_be_in_set": ("rows", "column! value_set!"),
    "expect_column_values_to_not_be_null": ("rows", "column!"),
    "expect_column_values_to_not_match_regex": ("rows", "column! regex!"),
    "expect_column_values_to_not_match_regex_list": ("rows", "column! regex_list!"),
    "expect_multicolumn_sum_to_equal": ("rows", f"{_LIST} sum_total!"),
    "expect_multicolumn_values_to_be_equal": ("rows", _LIST),
    "expect_select_column_values_to_be_unique_within_record": ("rows", _LIST),
    "expect_column_value_z_scores_to_be_less_than": ("column", "column! threshold! double_sided!"),
    "expect_column_values_to_be_decreasing": ("column", "column! strictly"),
    "expect_column_values_to_be_increasing": ("column", "column! strictly"),
    "expect_column_values_to_be_unique": ("column", "column!"),
    "expect_column_values_to_not_be_outliers": ("column", "column! method multiplier"),
    "expect_compound_columns_to_be_unique": ("column", _LIST),
    "expect_column_distinct_values_to_be_in_set": ("table", "column! value_set!"),
    "expect_column_distinct_values_to_contain_set": ("table", "column! value_set!"),
    "expect_column_distinct_values_to_equal_set": ("table", "column! value_set!"),
    "expect_column_kl_divergence_to_be_less_than": (
        "table",
        "column! partition_object! threshold! bucketize_data tail_weight_holdout internal_weight_holdout "
        "min_value max_value",
    ),
    "expect_column_max_to_be_between": ("table", f"column! {_BOUNDS}"),
    "expect_column_mean_to_be_between": ("table", f"column! {_BOUNDS}"),
    "expect_column_median_to_be_between": ("table", f"column! {_BOUNDS}"),
    "expect_column_min_to_be_between": ("table", f"column! {_BOUNDS}"),
    "expect_column_most_common_value_to_be_in_set": ("table", "column! value_set! ties_okay"),
    "expect_column_proportion_of_non_null_values_to_be_between": ("table", f"column! {_BOUNDS}"),
    "expect_column_proportion_of_unique_values_to_be_between": ("table", f"column! {_BOUNDS}"),
    "expect_column_quantile_values_to_be_between": ("table", "column! quantile_ranges! allow_relative_error"),
    "expect_column_stdev_to_be_between": ("table", f"column! {_BOUNDS}"),
    "expect_column_sum_to_be_between": ("table", f"column! {_BOUNDS}"),
    "expect_column_unique_value_count_to_be_between": ("table", f"column! {_BOUNDS}"),
    "expect_table_row_count_to_be_between": ("table", _BOUNDS),
    "expect_table_row_count_to_equal": ("table", "value!"),
    "expect_column_to_exist": ("schema", "column! column_index"),
    "expect_column_type_to_be": ("schema", "column! type_!"),
    "expect_table_column_count_to_be_between": ("schema", "min_value max_value"),
    "expect_table_column_count_to_equal": ("schema", "value!"),
    "expect_table_columns_to_match_ordered_list": ("schema", "column_list!"),
    "expect_table_columns_to_match_set": ("schema", "column_set! exact_match"),
}

_SQL = "it needs an SQL database"
UNSUPPORTED: dict[str, str] = {
    "expect_column_values_to_be_in_type_list": "say expect_column_type_to_be",
    "expect_column_values_to_be_of_type": "say expect_column_type_to_be",
    "expect_column_values_to_match_like_pattern": f"{_SQL}; say expect_column_values_to_match_regex",
    "expect_column_values_to_match_like_pattern_list": f"{_SQL}; say expect_column_values_to_match_regex_list",
    "expect_column_values_to_not_match_like_pattern": f"{_SQL}; say expect_column_values_to_not_match_regex",
    "expect_column_values_to_not_match_like_pattern_list": f"{_SQL}; say expect_column_values_to_not_match_regex_list",
    "expect_multicolumn_values_to_be_unique": "say expect_select_column_values_to_be_unique_within_record",
    "expect_query_results_to_match_comparison": _SQL,
    "expect_table_row_count_to_equal_other_table": _SQL,
    "unexpected_rows_expectation": _SQL,
}


def scope_of(kind: str) -> Scope:
    """The expectation's scope; ValueError for one that is not supported or not known."""
    if kind in UNSUPPORTED:
        raise ValueError(f"{kind} is not supported: {UNSUPPORTED[kind]}")
    if kind not in CATALOGUE:
        raise ValueError(f"unknown expectation {kind!r}{maybe(kind, CATALOGUE)}")
    return CATALOGUE[kind][0]


def check_arguments(kind: str, given: Mapping[str, object]) -> None:
    """ValueError when the expectation does not take an argument, or lacks one."""
    scope, known = CATALOGUE[kind]
    names = [name.rstrip("!") for name in known.split()]
    allowed = [*names, *(name for name in OURS if name != "mostly" or scope in ("rows", "column"))]
    allowed += ["row_condition"] if scope == "table" else []
    for name in given:
        if name not in allowed:
            raise ValueError(f"{kind} has no argument {name!r}{maybe(name, allowed)} (it has {', '.join(allowed)})")
    for name, value in given.items():
        if name.endswith(("_set", "_list")) and not isinstance(value, list):
            raise ValueError(f"{kind}: expected {name} to be a list, found {value!r}")
    if missing := [name for name in known.split() if name.endswith("!") and name[:-1] not in given]:
        raise ValueError(f"{kind} lacks its argument {', '.join(name[:-1] for name in missing)}")
    if "min_value" in names and not {"min_value", "max_value", "threshold"} & given.keys():
        raise ValueError(f"{kind} lacks its bounds: min_value, max_value or both")
    if "row_condition" in given:
        check_condition(given["row_condition"])
    ranges = given.get("quantile_ranges", {"quantiles": [], "value_ranges": []})
    if not (isinstance(ranges, dict) and {"quantiles", "value_ranges"} <= ranges.keys()):
        raise ValueError(f"{kind}: expected quantile_ranges as {{quantiles: …, value_ranges: …}}, found {ranges!r}")
    if kind == "expect_column_type_to_be" and given["type_"] not in COLUMN_TYPES:
        raise ValueError(f"{kind}: expected type_ to be one of {', '.join(COLUMN_TYPES)}, found {given['type_']!r}")


def words(kind: str, arguments: Mapping[str, object]) -> str:
    """What it expects, for people: `values between 0 and 120`, `one of 'a', 'b'`, `mean at least 1`."""
    text = kind.removeprefix("expect_").removeprefix("column_").replace("_", " ")
    said = {name: value for name, value in arguments.items() if not name.startswith("column")}
    low, high = said.pop("min_value", None), said.pop("max_value", None)
    where = f" where {said.pop('row_condition')}" if "row_condition" in said else ""
    if kind.endswith("_to_be_between"):
        bounds = f"between {low} and {high}" if None not in (low, high) else f"at least {low}"
        text = f"{text.removesuffix(' to be between')} {bounds if low is not None else f'at most {high}'}"
    elif kind == "expect_column_values_to_not_be_null":
        text = "a value"
    elif kind == "expect_column_values_to_be_in_set":
        values = cast("list[object]", said.pop("value_set"))
        text = f"one of {', '.join(repr(value) for value in values[:LONGEST_SET])}"
        text += ", …" if len(values) > LONGEST_SET else ""
    elif kind == "expect_column_kl_divergence_to_be_less_than":
        said.pop("partition_object")
        text = f"the distribution that it had, to {said.pop('threshold')} nats"
    return text + where + (f" ({', '.join(f'{name} {value}' for name, value in said.items())})" if said else "")


def maybe(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'age'?`, or nothing when no known name is near."""
    found = nearest(name, known)
    return f"; did you mean {found!r}?" if found else ""
