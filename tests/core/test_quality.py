from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.core import findings, quality, quarantine, store
from tasks.core.errors import DataError, ProjectError
from tasks.core.expectation import Expectation
from tasks.core.expectations import RawExpectations
from tasks.core.findings import Finding
from tasks.core.records import Blob, Column, ColumnType, Dataset, FailedExpectation, QualityReport

TYPES: dict[Any, ColumnType] = {
    pl.Int64: "integer",
    pl.Float64: "number",
    pl.Boolean: "boolean",
    pl.String: "text",
    pl.Date: "date",
    pl.Datetime: "date",
    pl.Binary: "binary",
}


@pytest.fixture(autouse=True)
def _store(open_store: Path) -> None:
    """Every test has a store of its own."""


def dataset_of(frame: pl.DataFrame, *, numbers: tuple[str, ...] = (), rows_a_part: int = 1_000_000) -> Dataset:
    """The frame in the store; `numbers` are text columns that are meant as numbers."""
    columns = tuple(
        Column(
            name=name,
            type="number" if name in numbers else TYPES[kind.base_type()],
            n_missing=frame[name].null_count(),
        )
        for name, kind in frame.schema.items()
    )
    parts: list[Any] = []
    for start in range(0, max(frame.height, 1), rows_a_part):
        table = frame[start : start + rows_a_part].to_arrow()
        parts.extend(store.put_parts(table.to_batches(), table.schema))
    return store.dataset("raw", tuple(parts), columns)


def asked(*items: dict[str, Any]) -> tuple[Expectation, ...]:
    return RawExpectations.model_validate({"expectations": items}).expectations


def only(frame: pl.DataFrame, kind: str, **arguments: Any) -> Finding:
    """The finding of a single expectation."""
    (finding,) = findings.validate(dataset_of(frame), asked({kind: arguments}))
    return finding


def broken_rows(finding: Finding) -> list[int]:
    return [] if finding.rows is None else np.flatnonzero(finding.rows).tolist()


MOMENTS = ("2000-01-01T12:00", None, "2020-02-02", "1999-01-01", "2000-01-02")
PEOPLE = pl.DataFrame(
    {
        "age": [30.0, None, 130.0, -1.0, float("inf")],
        "class": ["1st", "2nd", None, "4th", ""],
        "day": [date(2000, 1, 1), None, date(2020, 2, 2), date(1999, 1, 1), date(2000, 1, 2)],
        "at": [datetime.fromisoformat(at) if at else None for at in MOMENTS],
        "alive": [True, None, False, True, True],
        "id": [1, 2, 2, None, 5],
    }
)


@pytest.mark.parametrize(
    ("kind", "arguments", "rows", "n_rows"),
    [
        ("expect_column_values_to_be_between", {"column": "age", "min_value": 0, "max_value": 120}, [2, 3, 4], 4),
        ("expect_column_values_to_not_be_null", {"column": "age"}, [1], 5),
        ("expect_column_values_to_be_null", {"column": "age"}, [0, 2, 3, 4], 5),
        ("expect_column_values_to_be_in_set", {"column": "class", "value_set": ["1st", "2nd"]}, [3, 4], 4),
        ("expect_column_values_to_be_in_set", {"column": "alive", "value_set": [True]}, [2], 4),
        ("expect_column_values_to_be_in_set", {"column": "id", "value_set": [1, 2]}, [4], 4),
        ("expect_column_values_to_be_in_set", {"column": "day", "value_set": ["2000-01-01"]}, [2, 3, 4], 4),
        ("expect_column_values_to_match_regex", {"column": "class", "regex": "^[123]"}, [3, 4], 4),
        ("expect_column_value_lengths_to_equal", {"column": "class", "value": 3}, [4], 4),
        ("expect_column_values_to_be_between", {"column": "day", "min_value": date(2000, 1, 1)}, [3], 4),
        ("expect_column_values_to_be_between", {"column": "at", "max_value": "2000-01-01T12:00:00"}, [2, 4], 4),
        ("expect_column_values_to_be_unique", {"column": "id"}, [1, 2], 4),
        ("expect_column_values_to_be_increasing", {"column": "id"}, [], 4),
        ("expect_compound_columns_to_be_unique", {"column_list": ["alive", "class"]}, [], 5),
    ],
)
def test_the_very_rows_that_break_an_expectation_are_named(
    kind: str, arguments: dict[str, Any], rows: list[int], n_rows: int
) -> None:
    finding = only(PEOPLE, kind, **arguments)
    assert (broken_rows(finding), finding.n_broken, finding.n_rows) == (rows, len(rows), n_rows)
    assert finding.held is (not rows)


@pytest.mark.parametrize(
    ("kind", "arguments", "held", "observed"),
    [
        ("expect_table_row_count_to_be_between", {"min_value": 5, "max_value": 5}, True, "5"),
        ("expect_table_row_count_to_equal", {"value": 4}, False, "5"),
        ("expect_column_mean_to_be_between", {"column": "id", "min_value": 2.5, "max_value": 2.5}, True, "2.5"),
        ("expect_column_max_to_be_between", {"column": "day", "max_value": date(2019, 1, 1)}, False, "2020-02-02"),
        (
            "expect_column_proportion_of_non_null_values_to_be_between",
            {"column": "age", "min_value": 0.9},
            False,
            "0.8",
        ),
        ("expect_column_distinct_values_to_be_in_set", {"column": "id", "value_set": [1, 2]}, False, "also 5"),
        ("expect_column_distinct_values_to_equal_set", {"column": "class", "value_set": ["x"]}, False, "no 'x'"),
        ("expect_column_to_exist", {"column": "absent"}, False, ""),
        ("expect_column_to_exist", {"column": "age", "column_index": 0}, True, ""),
        ("expect_table_column_count_to_equal", {"value": 6}, True, "6"),
        ("expect_table_columns_to_match_set", {"column_set": ["age"], "exact_match": False}, True, "age"),
        ("expect_column_type_to_be", {"column": "id", "type_": "number"}, True, "integer"),
        ("expect_column_type_to_be", {"column": "class", "type_": "number"}, False, "text"),
        (
            "expect_column_quantile_values_to_be_between",
            {"column": "id", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[2, 2]]}},
            True,
            "2",
        ),
        (
            "expect_column_quantile_values_to_be_between",
            {"column": "id", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[3, None]]}},
            False,
            "2",
        ),
    ],
)
@pytest.mark.parametrize("batch_rows", [2, 100])
def test_figures_of_the_table_are_of_all_its_rows(
    kind: str, arguments: dict[str, Any], held: bool, observed: str, batch_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "BATCH_ROWS", batch_rows)
    finding = only(PEOPLE, kind, **arguments)
    assert finding.held is held
    assert observed in "".join(finding.examples)
    assert finding.broke is None


@pytest.mark.parametrize("batch_rows", [16, 1_000])
def test_mostly_is_accounted_over_all_batches(batch_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All broken values are in one batch, which alone would break it."""
    monkeypatch.setattr(findings, "BATCH_ROWS", batch_rows)
    frame = pl.DataFrame({"x": [-1.0] * 5 + [None] * 10 + [1.0] * 45})
    arguments = {"column": "x", "min_value": 0}
    assert only(frame, "expect_column_values_to_be_between", **arguments, mostly=0.9).held
    assert not only(frame, "expect_column_values_to_be_between", **arguments, mostly=0.91).held
    assert broken_rows(only(frame, "expect_column_values_to_be_between", **arguments)) == [0, 1, 2, 3, 4]


def test_rows_of_later_batches_and_parts_have_their_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "BATCH_ROWS", 4)
    frame = pl.DataFrame({"x": [float(row) for row in range(20)], "y": ["a"] * 20})
    dataset = dataset_of(frame, rows_a_part=7)
    between, unique = findings.validate(
        dataset,
        asked(
            {"expect_column_values_to_not_be_in_set": {"column": "x", "value_set": [0, 6, 7, 19]}},
            {"expect_column_values_to_be_unique": {"column": "y"}},
        ),
    )
    assert broken_rows(between) == [0, 6, 7, 19]
    assert broken_rows(unique) == [row for row in range(20) if row not in (0, 6, 7, 19)]


@pytest.mark.parametrize("columns", [("k",), ("k", "v")])
def test_repeated_keys_are_found_among_many_rows_as_among_few(
    columns: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many rows only those are looked at whose values may come twice; texts are compared as numbers."""
    frame = pl.DataFrame(
        {
            "k": ["1", "2", "1.0", None, None, "3", "7", "7", "9", "9", "", "x"],
            "v": [0.0, 1.0, -0.0, 5.0, 5.0, 6.0, 8.0, 9.0, -1.0, -1.0, None, None],
        }
    )
    unique: dict[str, Any] = {"expect_column_values_to_be_unique": {"column": "k"}}
    if len(columns) > 1:
        unique = {"expect_compound_columns_to_be_unique": {"column_list": list(columns)}}
    items = asked({"expect_column_values_to_be_between": {"column": "v", "min_value": -0.5}}, unique)
    found: list[list[int]] = []
    for batch_rows in (100, 4):
        monkeypatch.setattr(findings, "BATCH_ROWS", batch_rows)
        found.append(broken_rows(findings.validate(dataset_of(frame, numbers=("k",), rows_a_part=5), items)[-1]))
    assert found[0] == found[1]
    assert found[0] == ([0, 2, 6, 7] if len(columns) == 1 else [0, 2, 3, 4])


def test_columns_are_judged_by_the_rows_that_go_on() -> None:
    frame = pl.DataFrame({"age": [30.0, 40.0, 9_999.0]})
    claim = {"expect_column_mean_to_be_between": {"column": "age", "max_value": 100}}
    limit = {"column": "age", "max_value": 120}
    for severity, held in (("reject", True), ("warn", False)):
        found = findings.validate(
            dataset_of(frame), asked({"expect_column_values_to_be_between": {**limit, "severity": severity}}, claim)
        )
        assert found[1].held is held


def test_threads_do_not_get_each_others_results() -> None:
    quality.preload()
    frames = [pl.DataFrame({"x": [float(row >= worst) for row in range(20)]}) for worst in range(16)]
    (expectation,) = asked({"expect_column_values_to_be_in_set": {"column": "x", "value_set": [1]}})
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda frame: quality.evaluate(frame, [expectation])[0], frames * 3))
    assert [len(one.broken) for one in seen] == list(range(16)) * 3


def test_results_stay_with_their_expectations_whatever_order_they_come_in() -> None:
    items = [
        {"expect_column_values_to_be_between": {"column": name, "max_value": at}} for at in (2, 0, 1) for name in "ba"
    ]
    frame = pl.DataFrame({"a": [0, 1, 2, 3], "b": [3, 3, 3, 0]})
    seen = quality.evaluate(frame, asked(*items, items[0]))
    assert [list(one.broken) for one in seen] == [[0, 1, 2], [3], [0, 1, 2], [1, 2, 3], [0, 1, 2], [2, 3], [0, 1, 2]]


def test_one_that_cannot_be_evaluated_is_an_error_and_is_named() -> None:
    """Great Expectations lets it take the others of its suite with it, and calls them all broken."""
    items = asked(
        {"expect_column_values_to_not_be_null": {"column": "class"}},
        {"expect_column_values_to_be_between": {"column": "class", "max_value": 3}},
    )
    with pytest.raises(DataError, match="to_be_between cannot be evaluated on class: found Column values") as failure:
        quality.evaluate(PEOPLE, items)
    assert "MetricConfigurationID" not in str(failure.value)


def test_texts_that_cannot_be_added_give_a_traceback() -> None:
    (sums,) = asked({"expect_multicolumn_sum_to_equal": {"column_list": ["class"], "sum_total": "class"}})
    with pytest.raises(DataError, match="sum_to_equal cannot be evaluated on class, class"):
        quality.evaluate(PEOPLE, [sums])


def test_arguments_that_great_expectations_refuses_are_told_before_any_data_are_read() -> None:
    dataset = dataset_of(PEOPLE)
    store.path(dataset.parts[0].blob).unlink()
    with pytest.raises(ProjectError, match="expect_column_value_lengths_to_equal"):
        findings.validate(
            dataset, asked({"expect_column_value_lengths_to_equal": {"column": "class", "value": "long"}})
        )
    with pytest.raises(ProjectError, match="expect_column_values_to_be_between"):
        findings.validate(
            dataset, asked({"expect_column_values_to_be_between": {"column": "day", "min_value": "soon"}})
        )


def test_no_expectation_is_no_finding() -> None:
    assert findings.validate(dataset_of(PEOPLE), ()) == []
    assert quality.evaluate(PEOPLE, ()) == []


def test_no_row_breaks_nothing_but_the_row_count() -> None:
    found = findings.validate(
        dataset_of(PEOPLE.clear()),
        asked(
            {"expect_column_values_to_not_be_null": {"column": "age"}},
            {"expect_column_values_to_be_unique": {"column": "id"}},
            {"expect_table_row_count_to_be_between": {"min_value": 1}},
        ),
    )
    assert [finding.held for finding in found] == [True, True, False]


@pytest.mark.parametrize("name", ["a b", 'the "big" one', "it's", "größe 名前", "a.b|c", "$x {y}", " ", "a\nb", "%s"])
def test_a_column_may_have_any_name(name: str) -> None:
    frame = pl.DataFrame({name: ["1", "x", None], "n": [1, 2, 2]})
    dataset = dataset_of(frame, numbers=(name,))
    found = findings.validate(
        dataset,
        asked(
            {"expect_column_values_to_be_between": {"column": name, "max_value": 0}},
            {"expect_compound_columns_to_be_unique": {"column_list": [name, "n"]}},
            {"expect_column_max_to_be_between": {"column": name, "max_value": 1}},
        ),
    )
    assert [broken_rows(finding) for finding in found] == [[1], [0], [], []]
    blob, n_rows = quarantine.isolate(dataset, found)
    assert blob is not None
    rows = pl.read_parquet(store.path(blob))
    assert rows["reason"].to_list() == [
        f"{name}: expected values at most 0, found 1.0",
        f"{name}: expected a number, found 'x'",
    ]
    assert n_rows == 2


def test_the_report_reads_as_a_table() -> None:
    failed = FailedExpectation(
        expectation="expect",
        column="a|b",
        n_rows=1_234,
        examples=("'x|y'", "'line\nbreak'"),
        reason="a|b: expected",
        severity="warn",
    )
    blob = Blob(digest="ab", suffix=".parquet", size=1)
    report = QualityReport(suite="raw", n_rows=10_000, evaluated=3, failed=(failed,), n_quarantined=7, quarantined=blob)
    assert quality.summary(report).splitlines() == [
        "**raw**: 2 of 3 expectations hold in 10,000 rows.",
        "",
        "7 rows are quarantined, with the reasons, in `ab.parquet`.",
        "",
        "| broken expectation | rows | found | then |",
        "|---|--:|---|---|",
        r"| a\|b: expected | 1,234 | 'x\|y', 'line break' | warn |",
    ]
    held = QualityReport(suite="raw", n_rows=1, evaluated=0, failed=(), n_quarantined=0, quarantined=None)
    assert quality.summary(held) == "**raw**: 0 of 0 expectations hold in 1 rows."
