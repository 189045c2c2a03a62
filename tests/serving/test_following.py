"""Champions that change under load, what stands beside them, and what a server does when a model cannot be loaded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.core import store
from tasks.core.predictions import reading
from tasks.core.records import Claim

pytestmark = pytest.mark.slow


def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until it holds; a champion that changes is to be followed within five seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def version(server: Any) -> str:
    return httpx.get(f"{server.url}/readyz", trust_env=False).json()["model"]["version"]


@contextmanager
def load(server: Any, row: dict[str, Any], n_threads: int = 3) -> Iterator[list[httpx.Response]]:
    """Requests of one row and of lists, one after the other in each thread, while the block runs."""
    answers: list[httpx.Response] = []
    ended = threading.Event()

    def ask(number: int) -> None:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
            while not ended.is_set():
                answers.append(client.post("/v1/ship/predict", json=[row] * 600 if number == 0 else row))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(n_threads)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_champions_change_under_load_without_a_failed_or_mixed_answer(
    ship: Any, tmp_path: Path, row: dict[str, Any]
) -> None:
    server = ship.start(tmp_path, ship.card())
    models = [ship.keep(tmp_path, ship.card(), version=str(4 + i), seed=i) for i in range(8)]
    try:
        with load(server, row) as answers:
            for model in models:
                ship.point(tmp_path, model)
                until(lambda model=model: version(server) == model.version)
        assert {answer.status_code for answer in answers} == {200}
        said: dict[str, set[float]] = {}
        for answer in answers:
            told = answer.json()
            rows = told if isinstance(told, list) else [told]
            assert len({each["model"]["version"] for each in rows}) == 1, "one request, one model"
            for each in rows:
                said.setdefault(each["model"]["version"], set()).add(each["probabilities"]["saved"])
        assert said.keys() >= {model.version for model in models}
        assert all(len(each) == 1 for each in said.values()), "what is called a version is that version's answer"
        assert len({min(each) for each in said.values()}) == 8, "versions 3 and 4 are equal, all others differ"
    finally:
        assert server.stop() == 0
    told = reading.table(reading.read(tmp_path, "ship"))
    sent = sum(len(answer.json()) if isinstance(answer.json(), list) else 1 for answer in answers)
    assert told.num_rows >= sent and set(told["__version__"].to_pylist()) >= said.keys()


def test_a_model_that_cannot_be_loaded_leaves_the_one_before(ship: Any, tmp_path: Path, row: dict[str, Any]) -> None:
    server = ship.start(tmp_path, ship.card())
    try:
        broken = ship.keep(tmp_path, ship.card("regression"), version="4")
        with store.opened(tmp_path):
            store.path(broken.artifact).write_bytes(b"damaged")
        ship.point(tmp_path, broken)
        told = server.told()
        assert (told["project"], told["event"], told["version"]) == ("ship", "load_failed", "4")
        ready = httpx.get(f"{server.url}/readyz", trust_env=False)
        assert ready.status_code == 200 and ready.json()["model"]["version"] == "3"
        assert "version 4" in ready.json()["projects"]["ship"]["failed"]
        assert httpx.post(f"{server.url}/predict", json=row, trust_env=False).status_code == 200
        good = ship.keep(tmp_path, ship.card(), version="5", seed=5)
        ship.point(tmp_path, good)
        until(lambda: version(server) == "5")
        assert "failed" not in httpx.get(f"{server.url}/readyz", trust_env=False).json()["projects"]["ship"]
    finally:
        server.stop()


def test_a_shadow_is_asked_the_same_rows_and_nobody_hears_it(ship: Any, tmp_path: Path, row: dict[str, Any]) -> None:
    server = ship.start(tmp_path, ship.card(), shadow="challenger")
    try:
        champion = ship.keep(tmp_path, ship.card())
        ship.point(tmp_path, champion, ship.keep(tmp_path, ship.card("regression"), version="4", seed=4))
        url = f"{server.url}/v1/ship"
        with httpx.Client(trust_env=False) as client:
            until(lambda: client.get(f"{url}/figures").json()["shadow"] is not None)
            answers = [client.post(f"{url}/predict", json=row).json() for _ in range(20)]
            assert {answer["model"]["version"] for answer in answers} == {"3"}
            until(lambda: client.get(f"{url}/figures").json()["shadow"]["answered"] >= 20)
    finally:
        server.stop()
    told = reading.table(reading.read(tmp_path, "ship", roles=("shadow",)))
    assert told.num_rows == 20 and set(told["__version__"].to_pylist()) == {"4"}
    assert told["age"].to_pylist() == [row["age"]] * 20


def test_a_canary_answers_its_share_of_the_keys_always_the_same(ship: Any, tmp_path: Path, row: dict[str, Any]) -> None:
    server = ship.start(tmp_path, ship.card(), key=("ticket",), canary="20%")
    try:
        ship.point(tmp_path, ship.keep(tmp_path, ship.card()), ship.keep(tmp_path, ship.card(), version="4", seed=4))
        url = f"{server.url}/v1/ship"
        with httpx.Client(trust_env=False) as client:
            until(lambda: client.get(f"{url}/figures").json()["canary"] is not None)
            asked = [
                {key: client.post(f"{url}/predict", json={**row, "ticket": key}).json() for key in range(300)}
                for _ in range(2)
            ]
            versions = [{key: answer["model"]["version"] for key, answer in each.items()} for each in asked]
            assert versions[0] == versions[1]
            assert 30 <= sum(each == "4" for each in versions[0].values()) <= 90
            figures = client.get(f"{url}/figures").json()
            assert figures["canary"]["requests"] == 2 * sum(each == "4" for each in versions[0].values())
    finally:
        server.stop()
    told = reading.table(reading.read(tmp_path, "ship", roles=("champion", "canary")))
    assert told.num_rows == 600 and set(told["__key__"].to_pylist()) == {str(key) for key in range(300)}


def test_a_canary_that_refuses_what_the_champion_answers_is_taken_back(
    ship: Any, tmp_path: Path, row: dict[str, Any]
) -> None:
    server = ship.start(tmp_path, ship.card(), canary={"share": 0.5, "requests": 40})
    try:
        strict = ship.card().model_copy(
            update={
                "expectations": (
                    Claim(
                        type="expect_column_values_to_be_between",
                        arguments={"column": "age", "max_value": 10},
                        severity="reject",
                    ),
                )
            }
        )
        ship.point(tmp_path, ship.keep(tmp_path, ship.card()), ship.keep(tmp_path, strict, version="4", seed=4))
        url = f"{server.url}/v1/ship"
        with httpx.Client(trust_env=False) as client:
            until(lambda: client.get(f"{url}/figures").json()["canary"] is not None)
            answers = [client.post(f"{url}/predict", json=row) for _ in range(200)]
            assert {answer.status_code for answer in answers} == {200}
            assert {answer.json()["model"]["version"] for answer in answers} == {"3"}, "the champion answers for it"
            until(lambda: client.get(f"{url}/figures").json()["canary"] is None)
        told = server.told()
        assert (told["event"], told["version"]) == ("canary_ended", "4") and "were refused" in str(told["why"])
    finally:
        server.stop()
