from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.check import check, check_splits
from tasks.core import arrow, store
from tasks.core.errors import DataError, ProjectError, Refused
from tasks.core.expectations import PreparedExpectations, RawExpectations
from tasks.core.records import CheckedDataset, CheckedSplits, Column, ColumnType, Dataset, Feature, Splits, Target

TYPES: dict[Any, ColumnType] = {
    pl.Int64: "integer",
    pl.UInt64: "integer",
    pl.UInt8: "integer",
    pl.Float64: "number",
    pl.String: "text",
    pl.Date: "date",
}


@pytest.fixture(autouse=True)
def _store(open_store: Path) -> None:
    """Every test has a store of its own."""


def dataset_of(frame: pl.DataFrame, *, numbers: tuple[str, ...] = (), rows_a_part: int = 1_000) -> Dataset:
    """The frame in the store; `numbers` are text columns that are meant as numbers."""
    columns = tuple(
        Column(name=one.name, type="number" if one.name in numbers else TYPES[one.dtype], n_missing=one.null_count())
        for one in frame
    )
    parts: list[Any] = []
    for start in range(0, max(frame.height, 1), rows_a_part):
        table = frame[start : start + rows_a_part].to_arrow()
        table = table.cast(arrow.normal_schema(table.schema, "the test"))
        parts.extend(store.put_parts(table.to_batches(), table.schema))
    return store.dataset("raw", tuple(parts), columns)


def checked(dataset: Dataset, *items: dict[str, Any], limit: float = 0.5) -> CheckedDataset:
    return check.fn(dataset, RawExpectations.model_validate({"limit": limit, "expectations": items}))


def rows_of(dataset: Dataset) -> pl.DataFrame:
    return store.scan(dataset).collect()


def quarantined(result: CheckedDataset) -> pl.DataFrame:
    assert result.report.quarantined is not None
    return pl.read_parquet(store.path(result.report.quarantined))


AGES = pl.DataFrame({"age": [30, -1, None, 40, 200], "name": ["a", "b", "c", None, "e"]})
BETWEEN = {"expect_column_values_to_be_between": {"column": "age", "min_value": 0, "max_value": 120}}


def test_broken_rows_go_to_the_quarantine_whole_with_number_and_reasons() -> None:
    named = {"expect_column_values_to_match_regex": {"column": "name", "regex": "[a-d]", "reason": "few names"}}
    result = checked(dataset_of(AGES), BETWEEN, named)
    assert quarantined(result).rows() == [
        (-1, "b", 1, "age: expected values between 0 and 120, found -1"),
        (
            200,
            "e",
            4,
            "age: expected values between 0 and 120, found 200; "
            "name: expected values to match regex (regex [a-d]), found 'e'",
        ),
    ]
    assert rows_of(result.dataset).equals(AGES[[0, 2, 3]])
    assert [column.n_missing for column in result.dataset.columns] == [1, 1]
    assert result.dataset.n_rows == 3
    report = result.report
    assert (report.suite, report.n_rows, report.evaluated, report.n_quarantined) == ("raw", 5, 2, 2)
    assert [(one.column, one.n_rows, one.examples, one.severity) for one in report.failed] == [
        ("age", 2, ("-1", "200"), "reject"),
        ("name", 1, ("'e'",), "reject"),
    ]
    assert report.failed[1].reason == "name: expected values to match regex (regex [a-d]) (few names)"


def test_good_data_pass_through_without_a_copy() -> None:
    dataset = dataset_of(AGES)
    result = checked(dataset, {"expect_column_values_to_not_be_null": {"column": "age", "mostly": 0.8}})
    assert result.dataset is dataset
    assert (result.report.failed, result.report.quarantined) == ((), None)


def test_nothing_expected_is_nothing_evaluated() -> None:
    dataset = dataset_of(AGES)
    result = checked(dataset)
    assert result.dataset is dataset
    assert result.report.evaluated == 0


def test_only_the_parts_with_broken_rows_are_written_again() -> None:
    dataset = dataset_of(pl.DataFrame({"x": list(range(9))}), rows_a_part=3)
    result = checked(dataset, {"expect_column_values_to_not_be_in_set": {"column": "x", "value_set": [3, 4, 5, 7]}})
    assert result.dataset.parts[0] == dataset.parts[0]
    assert [part.n_rows for part in result.dataset.parts] == [3, 2]
    assert rows_of(result.dataset)["x"].to_list() == [0, 1, 2, 6, 8]
    assert result.dataset.digest != dataset.digest


def test_texts_that_are_meant_as_numbers_are_cast_and_others_quarantined() -> None:
    texts = ["1", " 2.5 ", "abc", "", None, "1e3", "inf", "nan", "1,5", "-0"]
    frame = pl.DataFrame({"age": texts, "name": ["x"] * 10})
    result = checked(dataset_of(frame, numbers=("age",), rows_a_part=4))
    kept = rows_of(result.dataset)
    assert kept["age"].to_list() == [1.0, 2.5, None, None, 1000.0, float("inf"), None, 0.0]
    assert store.scan(result.dataset).collect_schema()["age"] == pl.Float64
    assert [column.n_missing for column in result.dataset.columns] == [3, 0]
    assert quarantined(result).rows() == [
        ("abc", "x", 2, "age: expected a number, found 'abc'"),
        ("1,5", "x", 8, "age: expected a number, found '1,5'"),
    ]
    assert result.report.failed[0].examples == ("'abc'", "'1,5'")


def test_what_a_cast_cell_breaks_is_told_as_a_number() -> None:
    result = checked(dataset_of(pl.DataFrame({"age": ["1", "500"]}), numbers=("age",)), BETWEEN)
    assert quarantined(result)["reason"].to_list() == ["age: expected values between 0 and 120, found 500.0"]
    assert quarantined(result)["age"].to_list() == ["500"]


def test_columns_of_the_data_keep_their_names_in_the_quarantine() -> None:
    frame = pl.DataFrame({"reason": ["x", "y"], "__row_number__": [7, 8]})
    result = checked(dataset_of(frame), {"expect_column_values_to_be_in_set": {"column": "reason", "value_set": ["y"]}})
    assert quarantined(result).columns == ["reason", "__row_number__", "____row_number____", "__reason__"]


def test_warnings_keep_the_rows() -> None:
    dataset = dataset_of(AGES)
    warn = {"expect_column_values_to_be_between": {**BETWEEN["expect_column_values_to_be_between"], "severity": "warn"}}
    mean = {"expect_column_mean_to_be_between": {"column": "age", "max_value": 1, "severity": "warn"}}
    result = checked(dataset, warn, mean)
    assert result.dataset is dataset
    assert [(one.severity, one.examples) for one in result.report.failed] == [
        ("warn", ("-1", "200")),
        ("warn", ("67.25",)),
    ]
    assert result.report.quarantined is None


def test_exceptions_that_mostly_allows_stay() -> None:
    allowed = {"expect_column_values_to_be_between": {**BETWEEN["expect_column_values_to_be_between"], "mostly": 0.5}}
    dataset = dataset_of(AGES)
    assert checked(dataset, allowed).dataset is dataset


def test_too_many_broken_rows_stop_the_run_and_can_be_looked_at() -> None:
    named = {"expect_column_values_to_be_in_set": {"column": "name", "value_set": ["a", "b", "c"]}}
    with pytest.raises(Refused) as refused:
        checked(dataset_of(AGES), named, BETWEEN, limit=0.39)
    told = str(refused.value)
    assert "age: expected values between 0 and 120" in told
    assert "at most 39.00% of 5 rows broken, found 2 (40.0%), with values like -1, 200" in told
    assert "`limit` in expectations.yaml" in told
    path = Path(told.split("rows in ")[1].split(",")[0])
    assert pl.read_parquet(path)["age"].to_list() == [-1, 200]
    assert checked(dataset_of(AGES), named, BETWEEN, limit=0.4).report.n_quarantined == 2


def test_when_every_row_is_broken_no_limit_helps() -> None:
    with pytest.raises(Refused, match="too many broken rows"):
        checked(
            dataset_of(AGES),
            {"expect_column_values_to_be_null": {"column": "name", "severity": "reject"}},
            BETWEEN,
            {"expect_column_values_to_not_be_null": {"column": "name"}},
            limit=1,
        )


def test_severity_stop_stops_at_the_first_row_and_shows_it() -> None:
    stop = {"expect_column_values_to_be_between": {**BETWEEN["expect_column_values_to_be_between"], "severity": "stop"}}
    with pytest.raises(Refused, match="found -1, 200") as refused:
        checked(dataset_of(AGES), stop, limit=1)
    path = Path(str(refused.value).split("rows in ")[1].split(",")[0])
    assert pl.read_parquet(path)["age"].to_list() == [-1, 200]


def test_a_broken_table_stops_the_run() -> None:
    count = {"expect_table_row_count_to_be_between": {"min_value": 6}}
    mean = {"expect_column_mean_to_be_between": {"column": "age", "max_value": 1}}
    with pytest.raises(
        Refused, match=r"expected table row count at least 6, found 5; also: age: expected mean at most 1"
    ):
        checked(dataset_of(AGES), count, mean)
    with pytest.raises(Refused, match="found 0"):
        checked(dataset_of(AGES.clear()), {"expect_table_row_count_to_be_between": {"min_value": 1}})
    with pytest.raises(Refused, match="expect_column_to_exist of nmae"):
        checked(dataset_of(AGES), {"expect_column_to_exist": {"column": "nmae"}})


def test_an_absent_column_is_told_before_great_expectations_starts() -> None:
    with pytest.raises(ProjectError, match="did you mean 'name'"):
        checked(dataset_of(AGES), {"expect_column_values_to_not_be_null": {"column": "nmae"}})


def test_an_expectation_that_does_not_suit_the_column_is_no_bad_data() -> None:
    with pytest.raises(DataError, match="cannot be evaluated on name"):
        checked(dataset_of(AGES), {"expect_column_values_to_be_between": {"column": "name", "min_value": 1}})


def test_a_whole_duplicated_key_is_quarantined() -> None:
    dataset = dataset_of(pl.DataFrame({"id": [1, 2, 1, 3], "v": ["a", "b", "c", "d"]}), rows_a_part=2)
    result = checked(dataset, {"expect_column_values_to_be_unique": {"column": "id"}})
    assert rows_of(result.dataset)["v"].to_list() == ["b", "d"]
    assert quarantined(result)["__row_number__"].to_list() == [0, 2]


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=30), st.integers(1, 7))
def test_every_row_is_either_kept_or_quarantined(values: list[int | None], rows_a_part: int) -> None:
    frame = pl.DataFrame({"x": values, "row": range(len(values))}, schema={"x": pl.Int64, "row": pl.Int64})
    try:
        result = checked(
            dataset_of(frame, rows_a_part=rows_a_part),
            {"expect_column_values_to_be_between": {"column": "x", "min_value": 0}},
            limit=1,
        )
    except Refused:
        assert all(value is not None and value < 0 for value in values)
        return
    kept = rows_of(result.dataset)["row"].to_list()
    broken = quarantined(result)["__row_number__"].to_list() if result.report.quarantined else []
    assert sorted([*kept, *broken]) == list(range(len(values)))
    assert broken == [row for row, value in enumerate(values) if value is not None and value < 0]
    assert result.report.n_quarantined == len(broken)


# The splits


def part_of(name: str, rows: range, **changed: Any) -> Dataset:
    frame = pl.DataFrame(
        {
            "day": [date(2000, 1, 1 + row) for row in rows],
            "x": [float(row) for row in rows],
            "sex": ["f" if row % 2 else "m" for row in rows],
            "survived": ["0" if row % 3 else "1" for row in rows],
            "__row__": list(rows),
            "__fold__": [row // 4 for row in rows],
        },
        schema={
            "day": pl.Date,
            "x": pl.Float64,
            "sex": pl.String,
            "survived": pl.String,
            "__row__": pl.UInt64,
            "__fold__": pl.UInt8,
        },
    ).with_columns(**changed)
    return dataset_of(frame).model_copy(update={"name": name})


def splits_of(*, time_column: str | None = None, **parts: Dataset) -> Splits:
    """Twelve days to train, six to choose and six to judge."""
    whole = {
        "train": part_of("train", range(12)),
        "validation": part_of("validation", range(12, 18)),
        "test": part_of("test", range(18, 24)),
        **parts,
    }
    return Splits(
        **whole,
        inputs=whole["train"].columns[:3],
        features=(Feature(name="x", kind="number"), Feature(name="sex", kind="category", levels=("f", "m"))),
        target=Target(name="survived", problem="binary", classes=("0", "1")),
        notes=(),
        time_column=time_column,
    )


def judged(splits: Splits, *items: dict[str, Any], **shares: float) -> CheckedSplits:
    return check_splits.fn(splits, PreparedExpectations.model_validate({"expectations": items, **shares}))


def test_sound_splits_pass_with_a_report_each() -> None:
    splits = splits_of(time_column="day")
    result = judged(
        splits,
        {"expect_column_values_to_be_in_set": {"column": "sex", "value_set": ["f", "m"]}},
        validation_share=0.25,
        test_share=0.25,
    )
    assert result.splits == splits
    assert [(one.suite, one.n_rows, one.failed) for one in result.reports] == [
        ("train", 12, ()),
        ("validation", 6, ()),
        ("test", 6, ()),
    ]
    assert all(one.evaluated > 4 for one in result.reports)
    proven = {one.suite: one.proven for one in result.reports}
    assert "every fold is later than the one before: 3 of 3" in proven["train"]
    assert "no row of test is a row of train: 0 of 6" in proven["test"]
    assert any(one.startswith("every test row is later than the last validation row") for one in proven["test"])
    assert any("sex" in one and one.endswith("0 of 6 rows break it") for one in proven["test"])
    assert all(len(one.proven) == one.evaluated for one in result.reports)


def test_what_belongs_together_straddles_without_a_word() -> None:
    # The groups of the written rows are looked at, whatever the splits say of them.
    groups = {name: pl.col("__row__") // 3 for name in ("__group__",)}
    parts = {
        "train": part_of("train", range(12), **groups),
        "validation": part_of("validation", range(12, 18), **groups),
        "test": part_of("test", range(18, 24), **groups),
    }
    with pytest.raises(Refused, match="no group or nearly equal row is in two folds, found 2"):
        judged(splits_of(**parts))
    parts = {name: one for name, one in parts.items() if name != "train"}
    whole = {name: pl.col("__fold__") * 0 for name in ("__fold__",)}
    good = judged(splits_of(**parts, train=part_of("train", range(12), **groups, **whole)))
    assert "no group or nearly equal row of test is in train: 0 of 6" in good.reports[2].proven
    for changed, told in (
        ({"__group__": pl.lit(1, pl.UInt64)}, "no group or nearly equal row of test is in train"),
        ({"sex": pl.lit("f"), **groups}, "no `sex` of test is one of train, found f"),
        ({"sex": pl.lit(" F"), **groups}, "no `sex` of test is one of train in other letters or spaces, found 1 texts"),
    ):
        train = part_of("train", range(12), sex=pl.lit("f"), **groups, **whole)
        validation = part_of("validation", range(12, 18), sex=pl.lit("v"), **groups)
        splits = splits_of(train=train, validation=validation, test=part_of("test", range(18, 24), **changed))
        target = splits.model_copy(update={"together": (("sex",),), "near": ("sex",)})
        with pytest.raises(Refused) as refused:
            judged(target)
        assert told in str(refused.value)


def test_a_gap_that_is_not_there_is_believed() -> None:
    splits = splits_of(time_column="day").model_copy(update={"time_gap": "1d"})
    assert "by 1d or more" in judged(splits).reports[2].proven[-3]
    with pytest.raises(Refused, match="by 2d or more"):
        judged(splits.model_copy(update={"time_gap": "2d"}))


@pytest.mark.parametrize(
    ("part", "changed", "told"),
    [
        ("train", {"survived": pl.lit("0")}, "every class is among the train rows, found no '1'"),
        (
            "train",
            {"survived": pl.when(pl.col("x") == 0).then(pl.lit("2")).otherwise(pl.col("survived"))},
            "the target's values are its classes, found 2",
        ),
        ("test", {"survived": pl.lit(None, pl.String)}, "every row has its target, found 6 rows without it"),
        ("train", {"x": pl.lit(None, pl.Float64)}, "feature_present of x"),
        ("train", {"x": pl.lit(float("nan"))}, "feature_present of x"),
        ("train", {"x": pl.lit(float("-inf"))}, "feature_present of x"),
        ("train", {"sex": pl.lit("")}, "feature_present of sex"),
        ("validation", {"__row__": pl.col("__row__") - 3}, "no row of validation is a row of train, found row 0x9"),
        ("test", {"__row__": pl.col("__row__") - 18}, "no row of test is a row of train"),
        ("test", {"__row__": pl.col("__row__") - 1}, "no row of test is a row of validation"),
        ("validation", {"day": pl.lit(date(2000, 1, 12))}, "later than the last train row"),
        ("test", {"day": pl.lit(date(2000, 1, 18))}, "later than the last validation row"),
        ("test", {"day": pl.lit(None, pl.Date)}, "later than the last"),
    ],
)
def test_what_would_make_every_figure_a_lie_is_refused(part: str, changed: dict[str, Any], told: str) -> None:
    rows = {"train": range(12), "validation": range(12, 18), "test": range(18, 24)}[part]
    with pytest.raises(Refused) as refused:
        judged(splits_of(time_column="day", **{part: part_of(part, rows, **changed)}))
    assert told in str(refused.value)


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(Refused, match="the test split has rows"):
        judged(splits_of(test=part_of("test", range(0))))


def test_a_class_that_is_not_judged_is_told() -> None:
    result = judged(splits_of(test=part_of("test", range(18, 24), survived=pl.lit("1"))))
    (failed,) = result.reports[2].failed
    assert (failed.expectation, failed.severity, failed.examples) == ("classes_present", "warn", ("no '0'",))


def test_times_in_disorder_are_nothing_to_a_split_by_hash() -> None:
    assert judged(splits_of(test=part_of("test", range(18, 24), day=pl.lit(date(2000, 1, 1))))).reports[2].failed == ()


def test_a_split_far_from_what_was_asked_is_told() -> None:
    reports = judged(splits_of(), test_share=0.4, validation_share=0.3).reports
    assert [[one.expectation for one in report.failed] for report in reports] == [[], [], ["share_as_asked"]]


def test_prepared_expectations_stop_or_warn_by_split() -> None:
    splits = splits_of()
    upto = {"column": "x", "max_value": 20}
    with pytest.raises(Refused, match=r"The test split .* found 21\.0, 22\.0, 23\.0"):
        judged(splits, {"expect_column_values_to_be_between": upto})
    reports = judged(splits, {"expect_column_values_to_be_between": {**upto, "severity": "warn"}}).reports
    assert [len(report.failed) for report in reports] == [0, 0, 1]
    assert reports[2].quarantined is None
    with pytest.raises(ProjectError, match="the prepared rows"):
        judged(splits, {"expect_column_values_to_not_be_null": {"column": "y"}})


def test_a_regression_has_no_classes_to_look_for() -> None:
    target = Target(name="x", problem="regression")
    splits = splits_of().model_copy(update={"target": target})
    assert [report.failed for report in judged(splits).reports] == [(), (), ()]
