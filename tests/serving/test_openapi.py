"""What the page's form is told of each field: where it comes from, and what it says when nothing is known."""

from __future__ import annotations

from typing import Any

from tasks.core.records import Claim
from tasks.serving import openapi


def fields(card: Any, *claims: Claim) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in openapi.form(card.model_copy(update={"expectations": claims}))}


def between(column: str, **bounds: Any) -> Claim:
    return Claim(type="expect_column_values_to_be_between", arguments={"column": column, **bounds}, severity="reject")


def test_a_range_is_that_of_the_samples_until_one_is_expected(ship: Any) -> None:
    seen = fields(ship.card())
    assert seen["age"]["range"] == {"low": 29.5, "high": 29.5, "expected": False}  # of two, one is missing
    assert seen["boarded"]["range"] == {"low": "1912-04-10", "high": "1912-04-11", "expected": False}
    assert seen["embarked"]["range"] is None and seen["возраст 年"]["range"] is None
    expected = fields(ship.card(), between("age", min_value=0), between("boarded", max_value="1912-04-20"))
    assert expected["age"]["range"] == {"low": 0, "high": None, "expected": True}
    assert expected["boarded"]["range"] == {"low": None, "high": "1912-04-20", "expected": True}


def test_choices_are_the_known_levels_or_what_is_expected(ship: Any) -> None:
    def in_set(column: str, *values: Any) -> Claim:
        arguments = {"column": column, "value_set": [*values]}
        return Claim(type="expect_column_values_to_be_in_set", arguments=arguments, severity="reject")

    told = fields(ship.card(), in_set("age", 1, 2.0, 2.5, None), in_set("embarked", "X"))
    assert told["age"]["levels"] == ("1", "2", "2.5")
    assert told["embarked"]["levels"] == ("S", "C", "Q")  # those that the model knows
    assert told["boarded"]["levels"] == ()
