"""What expectations.yaml may say: the claims that the data must hold, and what happens when one breaks.

    limit: 0.05            # at most this share of the rows may be quarantined before the run stops
    raw:                   # of the rows as they came
      - expect_column_values_to_be_between: {column: age, min_value: 0, max_value: 120, reason: a human life}
    prepared:              # of train, validation and test, each, as the model will see them
      - expect_column_values_to_not_be_null: {column: title, mostly: 0.9, severity: warn}
    serving:               # of each row that the model is asked about; left out, it follows from `raw`
      - expect_column_values_to_be_between: {column: age, min_value: 0, max_value: 120}

Names and arguments are Great Expectations' own. Everything is validated against `core/catalogue.py`, before any
data are read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from tasks.core import catalogue, yaml_file
from tasks.core.errors import ProjectError
from tasks.core.expectation import Expectation
from tasks.core.records import Column, Record

Section = Literal["raw", "prepared", "serving"]
SECTIONS: tuple[Section, ...] = get_args(Section)


class RawExpectations(Record):
    """Of the rows as they came. Rows that break one are quarantined, up to `limit` of all rows."""

    limit: float = Field(default=0.05, ge=0, le=1)
    """Beyond a twentieth it is rather the expectation or the feed that is broken than the rows."""
    expectations: tuple[Expectation, ...] = ()


class PreparedExpectations(Record):
    """Of train, validation and test, each. Nothing is quarantined so late: the default severity is `stop`.

    The shares are those that `prepare` was asked for; when they are given, a split that is far off is told.
    """

    expectations: tuple[Expectation, ...] = ()
    validation_share: float | None = None
    test_share: float | None = None

    @field_validator("expectations", mode="before")
    @classmethod
    def _stop_by_default(cls, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return cast("object", value)
        return [_severe(item) for item in cast("list[Any]", value)]

    @field_validator("expectations")
    @classmethod
    def _reject_nothing(cls, value: tuple[Expectation, ...]) -> tuple[Expectation, ...]:
        for expectation in value:
            if expectation.severity == "reject":
                raise ValueError(f"{expectation.type}: prepared rows are not quarantined; say severity stop or warn")
        return value


class ServingExpectations(Record):
    """Of each row that the model is asked about, alone: a row that breaks one of severity `reject` gets no answer."""

    expectations: tuple[Expectation, ...] = ()

    @field_validator("expectations")
    @classmethod
    def _of_single_rows(cls, value: tuple[Expectation, ...]) -> tuple[Expectation, ...]:
        for expectation in value:
            if expectation.scope != "rows":
                raise ValueError(f"{expectation.type}: a request is judged row by row, and this speaks of many rows")
            if expectation.severity == "stop":
                raise ValueError(f"{expectation.type}: a request is refused alone; say severity reject or warn")
            if expectation.mostly < 1:
                raise ValueError(f"{expectation.type}: a row holds it or not; leave `mostly` out")
        return value


class Expectations(Record):
    """What expectations.yaml says. Without a section `serving`, `serving_of(raw, target)` says what it would be."""

    raw: RawExpectations = RawExpectations()
    prepared: PreparedExpectations = PreparedExpectations()
    serving: ServingExpectations | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: Any) -> Any:
        """`limit` and the sections of the file, put where they belong."""
        if not isinstance(value, dict):
            return cast("object", value)
        said = {str(name): given for name, given in cast("dict[Any, Any]", value).items()}
        for name in said.keys() - {"limit", *SECTIONS}:
            raise ValueError(f"unknown key {name!r}{catalogue.maybe(name, ('limit', *SECTIONS))}")
        limit = {"limit": said.pop("limit")} if "limit" in said else {}
        if not isinstance(said.get("raw"), (dict, RawExpectations)):
            said["raw"] = {"expectations": said.get("raw") or [], **limit}
        if not isinstance(said.get("prepared"), (dict, PreparedExpectations)):
            said["prepared"] = {"expectations": said.get("prepared") or []}
        if isinstance(said.get("serving"), (list, tuple)):
            said["serving"] = {"expectations": said["serving"]}
        return said


def load(path: Path) -> Expectations:
    """What the file says; ProjectError when it says something that cannot be."""
    if not path.exists():
        raise ProjectError(f"The expectations file {path} does not exist", action="Create it or leave it out")
    said = yaml_file.read(path)
    try:
        return Expectations.model_validate(said or {})
    except ValidationError as exc:
        error = exc.errors()[0]
        places = [place + 1 if isinstance(place, int) else place for place in error["loc"] if place != "expectations"]
        where = ", item ".join(str(place) for place in places)
        what = error["msg"].removeprefix("Value error, ")
        raise ProjectError(f"{path}{f', {where}' if where else ''}: {what}", action="Correct it there") from exc


def default_expectations(columns: Sequence[Column], target: str | None = None) -> Expectations:
    """What is expected when no file says it: there are rows, the columns' types stay, rows have their target."""
    said: list[dict[str, Any]] = [{"expect_table_row_count_to_be_between": {"min_value": 1}}]
    said += [{"expect_column_type_to_be": {"column": column.name, "type_": column.type}} for column in columns]
    if target is not None:
        reason = "a row without its target teaches nothing"
        said.append({"expect_column_values_to_not_be_null": {"column": target, "severity": "warn", "reason": reason}})
    return Expectations.model_validate({"raw": said})


def serving_of(raw: RawExpectations, target: str) -> ServingExpectations:
    """What a row without its target must hold when the file does not say: what no row may break, and nothing else.

    A missing value and an unseen category are no fault of a request: models are trained to take both.
    """
    return ServingExpectations(
        expectations=tuple(
            expectation
            for expectation in raw.expectations
            if expectation.scope == "rows"
            and expectation.severity == "reject"
            and expectation.mostly == 1
            and target not in expectation.columns
            and expectation.type != "expect_column_values_to_not_be_null"
            and not _closes_texts(expectation)
        )
    )


def without_target(serving: ServingExpectations | None, target: str) -> None:
    """ProjectError when a claim about requests speaks of the target, which no request has."""
    for expectation in serving.expectations if serving else ():
        if target in expectation.columns:
            raise ProjectError(
                f"{expectation.type} under `serving` in expectations.yaml speaks of the target {target!r}",
                expected="claims about what a request holds",
                action="Move it to `raw`",
            )


def known_columns(expectations: Sequence[Expectation], columns: Sequence[Column], where: str) -> None:
    """ProjectError for the first expectation that names a column which is not there."""
    names = [column.name for column in columns]
    for expectation in expectations:
        for name in expectation.columns:
            if name not in names and expectation.type != "expect_column_to_exist":
                shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
                raise ProjectError(
                    f"{expectation.type} in expectations.yaml names a column that {where} lack",
                    expected=f"one of {shown}",
                    found=f"{name!r}{catalogue.maybe(name, names)}",
                    action="Correct the name, or remove the expectation",
                )


def _closes_texts(expectation: Expectation) -> bool:
    """Whether it says which texts a column may hold."""
    sets = (expectation.arguments.get(name) for name in ("value_set", "value_pairs_set"))
    return any('"' in json.dumps(one) for one in sets if one is not None)


def _severe(item: Any) -> Any:
    if not isinstance(item, dict) or "type" in item or len(cast("dict[str, Any]", item)) != 1:
        return item
    ((kind, given),) = cast("dict[str, Any]", item).items()
    return {kind: {"severity": "stop", **given}} if isinstance(given, dict) else cast("object", item)
