"""The predict path over real sockets: what it answers, what it refuses, and that nobody waits for the slow."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from tasks.core import store
from tasks.scoring.scorer import Scorer
from tasks.serving.model import Model
from tasks.serving.refusal import Refusal

pytestmark = pytest.mark.slow
HEADERS = {"content-type": "application/json"}


def mixed_rows(n: int) -> list[dict[str, Any]]:
    """Rows that are common, missing, unseen and extreme."""
    draw = random.Random(7)
    return [
        {
            "age": draw.choice([None, 0, 29.5, -1e308, 1e308, 1e-320, draw.uniform(0, 90)]),
            "cabin class": draw.choice([None, 1, 2, 3, 9]),
            "embarked": draw.choice([None, "", "S", "C", "Jupiter", "Ø" * 100]),
            'the "name" \\': draw.choice([None, "Allen", "\u2028\x00"]),
            "возраст 年": draw.choice([None, True, False]),
            "boarded": draw.choice([None, "1912-04-10", "0001-01-01", "9999-12-31"]),
        }
        for _ in range(n)
    ]


def test_the_api_says_what_the_scorer_says(served: Any, client: httpx.Client) -> None:
    rows = mixed_rows(300)
    answers = client.post("/predict", json=rows).raise_for_status().json()
    frame = pl.DataFrame(
        rows,
        schema={
            "age": pl.Float64,
            "cabin class": pl.Int64,
            "embarked": pl.String,
            'the "name" \\': pl.String,
            "возраст 年": pl.Boolean,
            "boarded": pl.String,
        },
    ).with_columns(pl.col("boarded").str.to_date())
    expected = Scorer.open(served.path, None).predict(frame)
    assert [answer["prediction"] for answer in answers] == expected["prediction"].to_list()
    for name in ("drowned", "saved"):
        ours = [answer["probabilities"][name] for answer in answers]
        assert ours == pytest.approx(expected[f"probability_{name}"].to_list(), abs=1e-12)
    assert {answer["prediction"] for answer in answers} == {"drowned", "saved"}


def test_an_object_gets_an_object_and_a_list_a_list(client: httpx.Client, row: dict[str, Any]) -> None:
    one = client.post("/predict", json=row).json()
    assert list(one) == ["id", "prediction", "probabilities", "model"]
    assert one["model"] == {"name": "ship", "version": "3", "digest": one["model"]["digest"]}
    many = client.post("/predict", json=[row]).json()
    assert [answer["probabilities"] for answer in many] == [one["probabilities"]]
    assert client.post("/predict", json=[]).json() == []


@pytest.mark.parametrize(("problem", "kind"), [("multiclass", str), ("regression", float)])
def test_other_problems_answer_in_their_words(ship: Any, tmp_path: Path, problem: str, kind: type) -> None:
    server = ship.start(tmp_path, ship.card(problem))
    try:
        answer = httpx.post(server.url + "/predict", json=ship.samples[0], trust_env=False).json()
        assert isinstance(answer["prediction"], kind)
        assert ("probabilities" in answer) == (problem == "multiclass")
        assert httpx.get(server.url + "/readyz", trust_env=False).status_code == 200
    finally:
        server.stop()


def test_a_row_beyond_the_models_numbers_is_named(ship: Any, tmp_path: Path) -> None:
    champion = ship.keep(tmp_path, ship.card("regression", n_numbers=2))
    with store.opened(tmp_path):
        model = Model(store.path(champion.artifact), champion.artifact.digest, "3", "ship")
    with pytest.raises(Refusal) as caught:
        model.answer("", (float("inf"), [float("inf")]), row=4)
    assert (caught.value.status, caught.value.error["row"]) == (422, 4)


def test_200_columns_are_served(ship: Any, tmp_path: Path) -> None:
    server = ship.start(tmp_path, ship.card(n_numbers=200))
    try:
        rows = [{f"x{i}": i * k for i in range(200)} for k in range(600)]
        answers = httpx.post(server.url + "/predict", json=rows, trust_env=False).json()
        assert len({answer["id"] for answer in answers}) == 600
    finally:
        server.stop()


def test_a_thousand_requests_at_once_get_their_own_answers(served: Any) -> None:
    """Requests of one turn share a run of the model: nobody may get the neighbour's answer."""
    rows = mixed_rows(1000)
    bodies = [rows[i : i + 1 + i % 3] if i % 5 == 0 else rows[i] for i in range(1000)]
    broken = {i for i in range(1000) if i % 17 == 3}

    async def ask_all() -> list[httpx.Response]:
        at_once = asyncio.Semaphore(48)

        async def ask(client: httpx.AsyncClient, i: int) -> httpx.Response:
            async with at_once:
                return await client.post("/predict", json={"age": "x"} if i in broken else bodies[i])

        async with httpx.AsyncClient(base_url=served.url, timeout=60, trust_env=False) as client:
            return await asyncio.gather(*(ask(client, i) for i in range(1000)))

    responses = asyncio.run(ask_all())
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        alone = [client.post("/predict", json=rows[start : start + 100]).json() for start in range(0, 1000, 100)]
    expected = [answer["probabilities"] for answers in alone for answer in answers]
    ids: list[str] = []
    for i, response in enumerate(responses):
        if i in broken:
            assert response.status_code == 422
            continue
        answers = response.json() if isinstance(bodies[i], list) else [response.json()]
        ids += [answer["id"] for answer in answers]
        assert [answer["probabilities"]["saved"] for answer in answers] == pytest.approx(
            [row["saved"] for row in expected[i : i + len(answers)]], abs=1e-12
        )
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("POST", HEADERS, b"", 400),
        ("POST", HEADERS, b"{", 400),
        ("POST", HEADERS, b"[" * 100_000, 400),
        ("POST", HEADERS, b'{"age": 1}', 422),
        ("POST", {}, b"{}", 415),
        ("POST", {"content-type": "text/plain"}, b"{}", 415),
        ("POST", {**HEADERS, "content-encoding": "gzip"}, b"{}", 415),
        ("GET", {}, b"", 405),
        ("PUT", HEADERS, b"{}", 405),
        ("DELETE", {}, b"", 405),
    ],
)
def test_a_bad_request_is_told_what_to_send(
    client: httpx.Client, row: dict[str, Any], method: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    response = client.request(method, "/predict", content=body, headers=headers)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"what", "row", "field", "expected", "found", "next"}
    assert client.post("/predict", json=row).status_code == 200


def test_a_huge_body_is_refused_and_the_server_lives(client: httpx.Client, row: dict[str, Any]) -> None:
    response = client.post("/predict", content=b" " * (40 * 2**20), headers=HEADERS)
    assert response.status_code == 413
    assert client.post("/predict", json=row).status_code == 200


def exchange(port: int, request: bytes) -> bytes:
    """All that the server sends until it closes. (A client that half-closes first may lose answers: uvicorn's rule.)"""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


def post(body: bytes, close: bool = False) -> bytes:
    head = (
        b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
        % len(body)
    )
    return head + (b"connection: close\r\n\r\n" if close else b"\r\n") + body


def test_pipelined_requests_are_answered_in_order(served: Any, row: dict[str, Any]) -> None:
    body = json.dumps(row).encode()
    received = exchange(served.port, post(body) + post(b"{") + post(body) + post(b"[]", close=True))
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"400", b"200", b"200"]
    assert received.endswith(b"[]")


def test_a_body_in_small_pieces_is_answered_while_others_are(
    served: Any, client: httpx.Client, row: dict[str, Any]
) -> None:
    request = post(json.dumps(row).encode(), close=True)
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as slow:
        for start in range(0, len(request), 40):
            slow.sendall(request[start : start + 40])
            assert client.post("/predict", json=row).status_code == 200
        assert slow.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_chunked_body_is_read(served: Any, client: httpx.Client, row: dict[str, Any]) -> None:
    text = json.dumps(row).encode()
    response = client.post("/predict", content=(text[i : i + 7] for i in range(0, len(text), 7)), headers=HEADERS)
    assert response.status_code == 200


def test_a_client_that_goes_away_harms_nobody(served: Any, client: httpx.Client, row: dict[str, Any]) -> None:
    body = json.dumps(row).encode()
    for cut in (30, 90, -20, None):
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
            connection.sendall(post(body)[:cut])
    assert client.post("/predict", json=row).status_code == 200
