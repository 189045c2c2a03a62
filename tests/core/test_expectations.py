from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core import catalogue, quality
from tasks.core.errors import ProjectError
from tasks.core.expectation import Expectation
from tasks.core.expectations import (
    Expectations,
    PreparedExpectations,
    default_expectations,
    known_columns,
    load,
    serving_of,
    without_target,
)
from tasks.core.records import Column

PROJECTS = sorted((Path(__file__).parents[2] / "data").glob("*/expectations.yaml"))


def written(folder: Path, text: str) -> Path:
    path = folder / "expectations.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_becomes_what_the_steps_are_given(tmp_path: Path) -> None:
    said = load(
        written(
            tmp_path,
            "limit: 0.2\n"
            "raw:\n"
            "  - expect_column_values_to_be_between: {column: age, min_value: 0, mostly: 0.9, notes: a human life}\n"
            "  - expect_column_values_to_be_between: {column: day, min_value: 2000-01-01, severity: warn}\n"
            "  - expect_table_row_count_to_be_between: {min_value: 1}\n"
            "prepared:\n"
            "  - expect_column_values_to_not_be_null: {column: title}\n",
        )
    )
    age, day, rows = said.raw.expectations
    assert said.raw.limit == 0.2
    assert (age.arguments, age.mostly, age.severity, age.reason) == (
        {"column": "age", "min_value": 0},
        0.9,
        "reject",
        "a human life",
    )
    assert (day.arguments["min_value"], day.severity) == ("2000-01-01", "warn")
    assert rows.severity == "stop"
    assert [one.severity for one in said.prepared.expectations] == ["stop"]


def test_a_record_of_expectations_survives_json() -> None:
    said = Expectations.model_validate(
        {"limit": 0.1, "raw": [{"expect_column_values_to_be_unique": {"column": "id", "severity": "warn"}}]}
    )
    assert Expectations.model_validate_json(said.model_dump_json()) == said


def test_requests_are_refused_only_for_what_makes_them_impossible() -> None:
    said = Expectations.model_validate(
        {
            "raw": [
                {"expect_column_values_to_be_between": {"column": "age", "min_value": 0}},
                {"expect_column_values_to_be_between": {"column": "fare", "min_value": 0, "mostly": 0.9}},
                {"expect_column_values_to_be_between": {"column": "pay", "min_value": 0, "severity": "warn"}},
                {"expect_column_values_to_be_between": {"column": "y", "min_value": 0}},
                {"expect_column_values_to_not_be_null": {"column": "age"}},
                {"expect_column_values_to_be_in_set": {"column": "sex", "value_set": ["f", "m"]}},
                {"expect_column_values_to_be_in_set": {"column": "class", "value_set": [1, 2, 3]}},
                {"expect_column_values_to_be_unique": {"column": "id"}},
                {"expect_table_row_count_to_be_between": {"min_value": 1}},
            ]
        }
    )
    assert said.serving is None
    assert [one.columns for one in serving_of(said.raw, "y").expectations] == [("age",), ("class",)]


def test_a_file_may_say_itself_what_requests_must_hold_or_that_they_need_hold_nothing(tmp_path: Path) -> None:
    between = "expect_column_values_to_be_between: {column: age, min_value: 0}"
    serving = load(written(tmp_path, f"serving:\n  - {between}\n")).serving
    assert serving is not None
    assert [(one.columns, one.severity) for one in serving.expectations] == [(("age",), "reject")]
    with pytest.raises(ProjectError, match="speaks of the target 'age'"):
        without_target(serving, "age")
    without_target(serving, "y")
    nothing = load(written(tmp_path, "serving: []\n")).serving
    assert nothing is not None and not nothing.expectations
    said = load(written(tmp_path, f"raw:\n  - {between}\n"))
    assert Expectations.model_validate_json(said.model_dump_json()).serving is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("serving:\n  - expect_column_values_to_be_unique: {column: a}", "a request is judged row by row"),
        (
            "serving:\n  - expect_column_values_to_be_between: {column: a, min_value: 0, mostly: 0.9}",
            "leave `mostly` out",
        ),
        (
            "serving:\n  - expect_column_values_to_be_between: {column: a, min_value: 0, severity: stop}",
            "say severity reject or warn",
        ),
        (
            "raw:\n  - expect_column_values_to_be_betwen: {column: a}",
            "did you mean 'expect_column_values_to_be_between'",
        ),
        ("raw:\n  - expect_column_values_to_be_between: {column: a, min_valu: 1}", "did you mean 'min_value'"),
        ("raw:\n  - expect_column_values_to_be_between: {column: a}", "lacks its bounds"),
        ("raw:\n  - expect_column_values_to_be_in_set: {column: a}", "lacks its argument value_set"),
        ("raw:\n  - expect_column_values_to_be_in_set: {column: a, value_set: m}", "to be a list, found 'm'"),
        ("raw:\n  - expect_compound_columns_to_be_unique: {column_list: 3}", "column_list to be a list, found 3"),
        ("raw:\n  - expect_multicolumn_sum_to_equal: {column_list: yes, sum_total: a}", "to be a list, found True"),
        (
            "raw:\n  - expect_column_quantile_values_to_be_between: {column: a, quantile_ranges: {}}",
            "expected quantile_ranges as {quantiles: …, value_ranges: …}, found {}",
        ),
        ("raw:\n  - expect_column_values_to_be_in_set: a", "expected its arguments"),
        ("raw:\n  - yes: {column: a}", "unknown expectation 'yes'"),
        ("yes: []", "unknown key 'yes'"),
        ("raw:\n  - expect_column_values_to_be_of_type: {column: a}", "say expect_column_type_to_be"),
        (
            "raw:\n  - expect_column_values_to_match_like_pattern: {column: a}",
            "say expect_column_values_to_match_regex",
        ),
        ("raw:\n  - expect_column_type_to_be: {column: a, type_: float}", "one of number, integer"),
        ("raw:\n  - expect_column_values_to_be_between: {column: a, min_value: .nan}", "finite"),
        ("raw:\n  - expect_column_mean_to_be_between: {column: a, min_value: 1, mostly: 0.9}", "no argument 'mostly'"),
        ("raw:\n  - expect_column_mean_to_be_between: {column: a, min_value: 1, severity: reject}", "needs rows"),
        ("raw:\n  - expect_column_values_to_not_be_null: {column: a, severity: rejct}", "severity"),
        ("raw:\n  - expect_column_values_to_not_be_null: {column: a, mostly: 1.5}", "less than or equal to 1"),
        ("raw:\n  - {expect_column_to_exist: {column: a}, severity: warn}", "one expectation"),
        ("raw: 3", "raw"),
        ("rows: []", "unknown key 'rows'"),
        ("limit: 5", "less than or equal to 1"),
        ("prepared:\n  - expect_column_values_to_not_be_null: {column: a, severity: reject}", "not quarantined"),
        ("raw: [", "is no YAML"),
    ],
)
def test_what_cannot_be_is_told_with_the_way_out(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ProjectError) as failure:
        load(written(tmp_path, text))
    assert told in str(failure.value)
    assert "expectations.yaml" in str(failure.value)


def test_the_place_in_the_file_is_told(tmp_path: Path) -> None:
    text = "raw:\n  - expect_column_to_exist: {column: a}\n  - expect_column_to_exst: {column: a}"
    with pytest.raises(ProjectError, match=r"raw, item 2: unknown expectation"):
        load(written(tmp_path, text))


def test_an_empty_file_expects_nothing(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == Expectations()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="does not exist"):
        load(tmp_path / "expectations.yaml")


def test_an_unknown_column_is_told_with_the_nearest() -> None:
    said = Expectations.model_validate({"raw": [{"expect_column_values_to_not_be_null": {"column": "Aeg"}}]})
    with pytest.raises(ProjectError, match="did you mean 'age'"):
        known_columns(said.raw.expectations, [Column(name="age", type="number", n_missing=0)], "the data")


def test_defaults_hold_for_the_columns_they_were_made_of() -> None:
    columns = (Column(name="a b", type="number", n_missing=0), Column(name="y", type="text", n_missing=1))
    said = default_expectations(columns, target="y").raw.expectations
    assert [one.type for one in said] == [
        "expect_table_row_count_to_be_between",
        "expect_column_type_to_be",
        "expect_column_type_to_be",
        "expect_column_values_to_not_be_null",
    ]
    known_columns(said, columns, "the data")


def test_claims_are_words_for_people() -> None:
    def claim(kind: str, **arguments: object) -> str:
        return PreparedExpectations.model_validate({"expectations": [{kind: arguments}]}).expectations[0].claim

    assert claim("expect_column_values_to_be_between", column="age", min_value=0, max_value=9) == (
        "age: expected values between 0 and 9"
    )
    assert claim("expect_table_row_count_to_be_between", min_value=1) == "expected table row count at least 1"
    assert claim("expect_column_mean_to_be_between", column="x", max_value=1) == "x: expected mean at most 1"
    assert claim("expect_column_values_to_not_be_null", column="x") == "x: expected a value"
    assert claim("expect_column_values_to_be_in_set", column="x", value_set=["a", 1]) == "x: expected one of 'a', 1"
    assert claim("expect_compound_columns_to_be_unique", column_list=["a", "b"]) == (
        "a, b: expected compound columns to be unique"
    )


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_the_example_projects_expectations_are_understood(path: Path) -> None:
    said = load(path)
    assert said.raw.expectations
    assert said.prepared.expectations


def test_the_catalogue_is_true_of_the_installed_great_expectations() -> None:
    """A name or argument that it lacks would be an error in the middle of a run."""
    quality.preload()
    import great_expectations.expectations as theirs
    from great_expectations.expectations.registry import get_expectation_impl

    runtime = {"id", "meta", "notes", "rendered_content", "windows", "catch_exceptions", "result_format", "description"}
    runtime |= {"batch_id", "severity", "row_condition", "condition_parser", "mostly", "library_metadata"}
    for kind, (scope, known) in catalogue.CATALOGUE.items():
        fields = get_expectation_impl(kind).__fields__
        assert {name.rstrip("!") for name in known.split()} == fields.keys() - runtime, kind
        required = {name for name, field in fields.items() if field.required}
        assert required <= {name[:-1] for name in known.split() if name.endswith("!")}, kind
        assert ("mostly" in fields) == (scope in ("rows", "column")), kind
    exported = {name for name in dir(theirs) if name.startswith("Expect") and name != "Expectation"}
    ours = {get_expectation_impl(kind).__name__ for kind in catalogue.CATALOGUE}
    left = {"".join(word.capitalize() for word in kind.split("_")).lower() for kind in catalogue.UNSUPPORTED}
    assert {name for name in exported - ours if name.lower() not in left} == set()


def test_reading_expectations_imports_nothing_heavy() -> None:
    program = (
        "import sys; import tasks.core.expectations, tasks.core.quality, tasks.core.findings; "
        "heavy = {'great_expectations', 'pandas', 'polars', 'pyarrow', 'numpy', 'mlflow', 'prefect'}; "
        "heavy &= sys.modules.keys(); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_expectation_cannot_be_changed() -> None:
    one = Expectation(type="expect_column_to_exist", arguments={"column": "a"}, severity="stop")
    with pytest.raises(ValueError, match="frozen"):
        one.severity = "warn"  # pyright: ignore[reportAttributeAccessIssue]
