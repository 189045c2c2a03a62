"""Rows from JSON: what is taken, and which row and field a refusal names."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.model_records import ModelCard
from tasks.core.records import Column
from tasks.serving.refusal import Refusal
from tasks.serving.schema import MAX_ROWS, RowSchema


@pytest.fixture(params=[True, False], ids=["escaped names", "plain names"])
def card(ship: Any, request: pytest.FixtureRequest) -> ModelCard:
    return ship.card(escaped=request.param)


@pytest.fixture
def schema(card: ModelCard) -> RowSchema:
    return RowSchema(card)


@pytest.fixture
def sample(card: ModelCard) -> dict[str, Any]:
    return json.loads(card.sample[0])


def refusal(schema: RowSchema, body: Any) -> Refusal:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Refusal) as caught:
        schema.read(text)
    return caught.value


def packed(schema: RowSchema, row: dict[str, Any]) -> list[float]:
    rows, single = schema.read(json.dumps(row).encode())
    assert single
    return schema.packed(rows)[1][0]


def test_values_reach_the_model_as_its_matrix_has_them(schema: RowSchema, sample: dict[str, Any]) -> None:
    days = -21085.0  # 1912-04-10
    assert packed(schema, sample) == [29.5, 1.0, 0.0, 1.0, days, 10.0, 1.0]


def test_null_is_missing_and_an_unseen_value_is_served(schema: RowSchema, sample: dict[str, Any]) -> None:
    missing = packed(schema, dict.fromkeys(sample))
    assert all(math.isnan(value) for value in missing)
    assert packed(schema, {**sample, "embarked": "Jupiter", "cabin class": 9})[1:3] == [-1.0, -1.0]


def test_a_whole_number_may_be_written_either_way(schema: RowSchema, sample: dict[str, Any]) -> None:
    assert packed(schema, {**sample, "age": 29, "cabin class": 1.0}) == packed(
        schema, {**sample, "age": 29.0, "cabin class": 1}
    )


def test_an_offset_is_turned_into_utc(schema: RowSchema, sample: dict[str, Any]) -> None:
    assert packed(schema, {**sample, "boarded": "1970-01-02T01:00:00+01:00"})[4] == 1.0


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("age", "29.5", "the text “29.5”"),
        ("age", True, "true"),
        ("age", [1], "a list"),
        ("cabin class", "1", "the text “1”"),
        ("embarked", 3, "the number 3"),
        ("embarked", {}, "an object"),
        ("возраст 年", 1, "the number 1"),
        ("boarded", "yesterday", "the text “yesterday”"),
        ("boarded", 19120410, "the number 19120410"),
        ("boarded", "0001-01-01T00:00:00+14:00", "the text “0001-01-01T00:00:00+14:00”"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(
    schema: RowSchema, sample: dict[str, Any], field: str, value: Any, found: str
) -> None:
    caught = refusal(schema, [sample, {**sample, field: value}])
    assert caught.status == 422
    assert (caught.error["row"], caught.error["field"], caught.error["found"]) == (1, field, found)
    assert caught.error["expected"] and caught.error["next"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_none_is_named(schema: RowSchema, sample: dict[str, Any], number: str) -> None:
    caught = refusal(schema, json.dumps(sample).replace("29.5", number).encode())
    assert (caught.status, caught.error["field"], caught.error["row"]) == (422, "age", 0)


def test_a_forgotten_and_a_misspelt_field_are_named(schema: RowSchema, sample: dict[str, Any]) -> None:
    del sample["age"]
    assert refusal(schema, sample).error["field"] == "age"
    misspelt = refusal(schema, [{**sample, "agee": 1}]).error
    assert misspelt["field"] == "agee" and "'age'" in str(misspelt["next"])


def test_a_name_that_must_be_escaped_is_taken_and_named(ship: Any) -> None:
    schema, row = RowSchema(ship.card()), dict(ship.samples[0])
    name = 'the "name" \\'
    assert refusal(schema, {**row, name: 7}).error["field"] == name
    assert schema.read(json.dumps([row, row], ensure_ascii=True).encode())[1] is False


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"{", b"[{", b"not json", b"\xff\xfe", b'{"age": "\xff"}', b"[" * 200_000, b'{"a":' * 200_000],
    ids=["empty", "blank", "cut", "cut list", "text", "utf-16", "latin-1", "deep list", "deep object"],
)
def test_what_is_not_json_is_refused_without_our_inside(schema: RowSchema, body: bytes) -> None:
    caught = refusal(schema, body)
    assert caught.status in (400, 422)
    assert not any(word in caught.body().decode() for word in ("msgspec", "Traceback", "tasks/", "f0", "Row"))


@pytest.mark.parametrize("body", [b"null", b"3", b'"text"', b"[1]", b"[[]]", b"[null]"])
def test_what_is_no_row_is_refused(schema: RowSchema, body: bytes) -> None:
    assert refusal(schema, body).status == 422


@pytest.mark.parametrize("name", ["\\ud800", "x" * 2_000_000, ""], ids=["half a character", "huge", "empty"])
def test_any_unknown_name_is_refused_in_a_short_answer(schema: RowSchema, name: str) -> None:
    answer = refusal(schema, b'{"%s": 1}' % name.encode()).body()
    assert json.loads(answer)["error"]["what"] and len(answer) < 3000


def test_too_many_rows_are_refused(ship: Any) -> None:
    schema = RowSchema(ship.card(n_numbers=1))
    assert len(schema.read(b"[" + b",".join([b'{"x0":1}'] * MAX_ROWS) + b"]")[0]) == MAX_ROWS
    assert refusal(schema, b"[" + b",".join([b'{"x0":1}'] * (MAX_ROWS + 1)) + b"]").status == 413


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.text(max_size=8), value=ANY_JSON)
def test_any_name_and_any_value_is_either_read_or_refused(ship: Any, name: str, value: Any) -> None:
    column = Column(name=name, type="number", n_missing=0)
    if any("\ud800" <= character <= "\udfff" for character in name):
        return
    schema = RowSchema(ship.card(n_numbers=1).model_copy(update={"inputs": (column,), "features": ()}))
    body = json.dumps({name: value}).encode()
    good = value is None or (isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value))
    if good:
        assert len(schema.read(body)[0]) == 1
    else:
        assert refusal(schema, body).error["field"] in (name, None)


def test_many_rows_have_the_values_of_each(ship: Any) -> None:
    """By columns as row by row: markers of missing values, words for them, moments and bytes."""
    kinds = {"n": ("number", "-999", "unknown"), "t": ("text", "?"), "d": ("date", "1900-01-01"), "b": ("binary",)}
    inputs = tuple(
        Column(name=name, type=kind, n_missing=0, missing_values=marks) for name, (kind, *marks) in kinds.items()
    )
    schema = RowSchema(ship.card().model_copy(update={"inputs": inputs, "features": (), "expectations": ()}))
    said = [
        {"n": 1, "t": "a", "d": "1912-04-10T12:00:00+02:00", "b": "AAE="},
        {"n": -999, "t": "?", "d": "1900-01-01", "b": None},
        {"n": "unknown", "t": None, "d": None, "b": ""},
    ]
    rows, _ = schema.read(json.dumps(said).encode())
    assert schema.frame(rows).to_dicts() == [schema.values(row) for row in rows]
    rows, _ = schema.read(json.dumps([*said, {**said[0], "n": "many"}]).encode())
    with pytest.raises(Refusal) as caught:
        schema.frame(rows)
    assert (caught.value.error["row"], caught.value.error["field"]) == (3, "n")
