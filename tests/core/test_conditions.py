"""Conditions on rows: what compares columns is evaluated as Great Expectations does, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.core.conditions import check_condition, columns_of, quoted
from tasks.core.errors import ProjectError
from tasks.core.expectations import RawExpectations, load
from tasks.core.quality import evaluate

FRAME = pl.DataFrame({"wind in °": [1.0, 2.0, 2.0, None, 2.0, 3.0], "sex": ["f", "m", "f", "m", "f", "m"]})


@pytest.mark.parametrize(
    ("said", "held", "observed"),
    [
        (
            {
                "max_value": 1,
                "row_condition": "`wind in °`.ffill().rolling(3).max() == `wind in °`.ffill().rolling(3).min()",
            },
            False,
            "2",
        ),
        ({"min_value": 3, "row_condition": "`sex` == 'f' and `wind in °` < 3"}, True, "3"),
    ],
)
def test_rows_are_counted_where_the_condition_does_not_hold(said: dict[str, object], held: bool, observed: str) -> None:
    item = {"expect_table_row_count_to_be_between": {**said, "severity": "warn"}}
    (asked,) = RawExpectations.model_validate({"expectations": [item]}).expectations
    assert asked.columns[-1] == "wind in °"
    (seen,) = evaluate(FRAME, [asked])
    assert (seen.held, seen.observed) == (held, observed)
    assert "where `" in asked.claim


@pytest.mark.parametrize(
    "condition",
    [
        "`a`.to_csv('/tmp/rows.csv')",
        "`a` > @seed",
        "`a`.__class__ == 1",
        "a > 1",
        "`a`.map(lambda x: x) > 1",
        "`a`[0] == 1",
        "",
        7,
    ],
)
def test_a_condition_does_more_than_compare(condition: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="row_condition"):
        check_condition(condition)
    file = tmp_path / "expectations.yaml"
    line = {"max_value": 1, "row_condition": condition}
    file.write_text(f"raw:\n  - expect_table_row_count_to_be_between: {line}\n")
    with pytest.raises(ProjectError, match="row_condition"):
        load(file)


def test_a_column_cannot_be_named() -> None:
    for name in ("a", "and", "12 a", "wind (m/s)", "größe %", "it's", '"x"'):
        named = quoted(name)
        assert named is not None and columns_of(f"{named} == 1") == (name,)
        check_condition(f"{named} == 1")
    assert quoted("a`b") is quoted("a\nb") is quoted("") is None
