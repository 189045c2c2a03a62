"""Asking why over HTTP: what is answered, what is refused, and that it is no prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.slow


def explained(client: httpx.Client, row: Any) -> httpx.Response:
    return client.post("/v1/ship/explain", json=row)


def test_it_explains_the_answer_that_predict_gives(client: httpx.Client, row: dict[str, object]) -> None:
    told = explained(client, row).json()
    answer = client.post("/predict", json=row).json()
    assert told["of"] == answer["prediction"] and told["model"] == answer["model"]
    assert told["answer"] == answer["probabilities"][told["of"]]
    names = {each["name"] for each in told["effects"]}
    assert names == {"age", "cabin class", "embarked", "возраст 年", "boarded"}  # nothing is made of the other one
    assert told["base"] + sum(each["value"] for each in told["effects"]) == pytest.approx(told["answer"])
    assert explained(client, [row]).json() == told


def test_it_is_not_counted_and_not_logged_as_a_prediction(
    served: Any, client: httpx.Client, row: dict[str, object]
) -> None:
    def logged() -> int:
        return sum(file.stat().st_size for file in Path(served.home, "predictions").rglob("*") if file.is_file())

    before = client.get("/v1/ship/figures").json()["in_all"], logged()
    assert explained(client, row).status_code == 200
    assert (client.get("/v1/ship/figures").json()["in_all"], logged()) == before


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [({"age": "old"}, 422, "age"), ({"boarded": "soon"}, 422, "boarded"), ({"unknown": 1}, 422, "unknown")],
)
def test_a_row_is_refused_as_predict_refuses_it(
    client: httpx.Client, row: dict[str, object], change: dict[str, object], status: int, field: str
) -> None:
    refused = explained(client, row | change)
    assert (refused.status_code, refused.json()["error"]["field"]) == (status, field)
    assert refused.json() == client.post("/predict", json=row | change).json()


def test_other_mistakes_are_told(client: httpx.Client, row: dict[str, object]) -> None:
    assert "one row" in explained(client, [row, row]).json()["error"]["what"].lower()
    assert explained(client, []).status_code == 422
    assert (
        client.post("/v1/ship/explain", content=b"{", headers={"content-type": "application/json"}).status_code == 400
    )
    assert client.post("/v1/ship/explain", content=b"{}").status_code == 415
    assert client.post("/v1/none/explain", json=row).status_code == 404
    assert client.post("/v1/ship/explain", json={"age": "x" * (17 * 2**20)}).status_code == 413
