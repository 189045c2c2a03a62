"""What /predict takes and gives, in words that programs read: OpenAPI 3.1, and the fields of the page's form."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.core.markers import words_for
from tasks.core.model_records import ModelCard
from tasks.core.records import Column
from tasks.serving.schema import MAX_ROWS

_JSON_TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": ["number", "null"]},
    "integer": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "text": {"type": ["string", "null"]},
    "date": {"type": ["string", "null"], "description": "ISO 8601 date or time stamp"},
} | {
    name: {"type": ["string", "null"], "contentEncoding": "base64", "description": f"The bytes of {what}"}
    for name, what in (("binary", "a file"), ("image", "an image file"), ("sound", "a sound file"))
}
LONG = 60
"""Texts of more characters get room for several lines."""
REASONS = {
    "400": "The body is not what its content type says",
    "401": "The request has no API key that is known",
    "403": "The request comes from the page of another web site",
    "408": "The body did not arrive in time",
    "413": "The body or the list is too long",
    "415": "The content type is none of those of the request's body",
    "421": "The server is not known by the request's host",
    "422": "A row is not as the model needs it; the error names row and field",
    "429": "Too many requests for this API key",
    "500": "The model could not answer",
    "503": "There is no model to answer with",
    "507": "The prediction could not be logged, so it is not given",
}


def samples(card: ModelCard) -> list[dict[str, Any]]:
    """The card's sample rows."""
    return [json.loads(sample) for sample in card.sample]


def levels(card: ModelCard) -> dict[str, tuple[str, ...]]:
    """The known values of the inputs that are categories as they come."""
    return {f.name: f.levels for f in card.features if f.kind == "category" and f.expression is None}


def form(card: ModelCard) -> list[dict[str, Any]]:
    """One field an input column, for the page: name, type, the known values of a category, whether texts are long, and
    the `range` of a number or a date: `low` and `high`, and whether they are `expected` or those of the samples.
    """
    known, rows = levels(card), samples(card)
    for claim in card.expectations:
        if claim.type == "expect_column_values_to_be_in_set":
            known.setdefault(str(claim.arguments["column"]), _texts(claim.arguments["value_set"]))
    texts = {name for row in rows for name, value in row.items() if len(str(value)) > LONG}
    return [
        {
            "name": c.name,
            "type": c.type,
            "levels": known.get(c.name, ()),
            "long": c.type == "text" and c.name in texts,
            "range": _range(c, card, rows),
        }
        for c in card.inputs
    ]


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(f"{v:g}" if isinstance(v, float) else str(v) for v in values or () if not isinstance(v, bool | None))


def _range(column: Column, card: ModelCard, rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    if column.type not in ("number", "integer", "date"):
        return None
    for claim in card.expectations:
        given = claim.arguments
        if claim.type == "expect_column_values_to_be_between" and given.get("column") == column.name:
            return {"low": given.get("min_value"), "high": given.get("max_value"), "expected": True}
    # Texts stand for a missing number here and there, and every date is one.
    kind = str if column.type == "date" else int | float
    seen = [value for row in rows if isinstance(value := row.get(column.name), kind)]
    return {"low": min(seen), "high": max(seen), "expected": False} if seen else None


def rows_media_type(card: ModelCard, key: Sequence[str] = ()) -> dict[str, Any]:
    """The OpenAPI media type of JSON bodies: a row or a list of them, which may carry their `key`, with examples."""
    row = {
        "type": "object",
        "properties": {
            **{name: {"type": ["string", "number", "null"], "description": "by what you know the row"} for name in key},
            **{column.name: _property(column, card) for column in card.inputs},
        },
        "required": [column.name for column in card.inputs],
        "additionalProperties": False,
    }
    body: dict[str, Any] = {"schema": {"oneOf": [row, {"type": "array", "items": row, "maxItems": MAX_ROWS}]}}
    if rows := samples(card):
        body["examples"] = {"one row": {"value": rows[0]}, "several rows": {"value": rows[:3]}}
    return body


def predict_path(
    card: ModelCard, bodies: Mapping[str, Any], kinds: Sequence[str] = (), operation: str = "predict"
) -> dict[str, Any]:
    """The OpenAPI path item of predictions by this model: media types of `bodies`, and further kinds of answers."""
    answer: dict[str, Any] = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "prediction": {"type": "number"},
            "model": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in ("name", "version", "digest")},
            },
        },
        "required": ["id", "prediction", "model"],
    }
    if any(claim.severity == "warn" for claim in card.expectations):
        told = "What the row should hold and does not; it is answered all the same"
        answer["properties"]["warnings"] = {"type": "array", "items": {"type": "string"}, "description": told}
    if classes := card.target.classes:
        answer["properties"]["prediction"] = {"type": "string", "enum": list(classes)}
        answer["properties"]["probabilities"] = {
            "type": "object",
            "properties": {name: {"type": "number", "minimum": 0, "maximum": 1} for name in classes},
        }
        answer["required"].append("probabilities")
    responses = {status: _response(text, ERROR) for status, text in REASONS.items()}
    responses["200"] = _response(
        "A prediction a row, in the rows' order", {"oneOf": [answer, {"type": "array", "items": answer}]}
    )
    for kind in kinds:
        responses["200"]["content"][kind] = {"schema": {"type": "string", "format": "binary"}}
    return {
        "post": {
            "operationId": operation,
            "summary": f"Predict {card.target.name}",
            "description": "One row as a JSON object, or a list of rows. Every input column must be there; null is a "
            "missing value. Values of a category that training never saw are answered like any other. Other kinds of "
            "bodies are answered alike, by a JSON list where they may hold many rows.",
            "requestBody": {"required": True, "content": dict(bodies)},
            "responses": responses,
        }
    }


ERROR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "what": {"type": "string"},
                "row": {"type": ["integer", "null"], "description": "counted from 0"},
                **{key: {"type": ["string", "null"]} for key in ("field", "expected", "found", "next")},
            },
        }
    },
}


def _property(column: Column, card: ModelCard) -> dict[str, Any]:
    if words := sorted(words_for(column)):
        told = f"A missing value: null, or {', '.join(words)}"
        return {"anyOf": [_JSON_TYPES[column.type], {"type": "string"}], "description": told}
    known = levels(card).get(column.name, ())
    if column.type != "text" or not known:
        return _JSON_TYPES[column.type]
    return {**_JSON_TYPES["text"], "examples": list(known[:20])}


def _response(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}
