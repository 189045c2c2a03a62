"""What is answered is in the prediction log: whatever kills the process, and however full the disk is."""

from __future__ import annotations

import resource
import signal
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.core.predictions import reading
from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.refusals import read_refusals

pytestmark = pytest.mark.slow


def logged(home: Path, name: str = "ship") -> dict[str, dict[str, Any]]:
    """The logged rows by their ids."""
    rows = [row for batch in reading.read(home, name) for row in batch.to_pylist()]
    found = {row["__id__"]: row for row in rows}
    assert len(found) == len(rows), "no row twice"
    return found


def test_every_answer_is_in_the_log_with_what_was_asked(ship: Any, tmp_path: Path, row: dict[str, Any]) -> None:
    server = ship.start(tmp_path, ship.card(), key=("ticket", "leg"))
    rows = [{**row, "age": None, "embarked": "Ø" * 40, "ticket": "A 1", "leg": 7}, {**row, "boarded": None}]
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        answers = [client.post("/predict", json=row).json(), *client.post("/predict", json=rows).json()]
        assert client.post("/predict", json={**row, "age": "old"}).status_code == 422
        assert client.post("/predict", json={**row, "secret of Ann": 1}).status_code == 422
        told = logged(tmp_path)  # while the server runs
    assert server.stop() == 0
    assert told == logged(tmp_path)
    assert list(told) == [answer["id"] for answer in answers]
    for answer, asked in zip(answers, [row, *rows], strict=True):
        found = told[answer["id"]]
        assert found["__prediction__"] == answer["prediction"]
        assert found["__outputs__"] == list(answer["probabilities"].values())
        assert {name: found[name] for name in ("age", "embarked", "возраст 年")} == {
            name: asked[name] for name in ("age", "embarked", "возраст 年")
        }
        assert found["__version__"] == "3" and 0 <= found["__latency_us__"] < 10_000_000
    assert [found["__key__"] for found in told.values()] == [None, '["A 1", "7"]', None]
    refused = {each.field: each for each in read_refusals(folder_of(tmp_path, "ship"))}
    assert refused["age"].status == 422 and refused["age"].n_requests == 1
    assert refused[None].status == 422 and "Ann" not in str(refused)


def test_no_answer_is_lost_to_kill_9(ship: Any, tmp_path: Path, row: dict[str, Any]) -> None:
    answered: dict[str, float] = {}
    for _ in range(3):
        server = ship.start(tmp_path, ship.card())

        def ask(number: int, url: str = server.url) -> None:
            with httpx.Client(base_url=url, trust_env=False) as client:
                try:
                    for i in range(100_000):
                        answer = client.post("/predict", json={**row, "age": float(i * 10 + number)}).json()
                        answered[answer["id"]] = answer["probabilities"]["saved"]
                except httpx.TransportError:
                    return

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        threads[0].join(0.7)
        server.process.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join()
        server.stop()
    told = logged(tmp_path)
    assert len(answered) > 300
    assert {id_: told[id_]["__outputs__"][1] for id_ in answered} == answered


def limited(pid: int, size: int) -> None:
    """Let the files of the process grow to this size at most: what a full disk is to who writes."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize("keep", ["required", "best_effort"])
def test_a_full_disk_is_told_and_overcome_without_a_restart(
    ship: Any, tmp_path: Path, row: dict[str, Any], keep: str
) -> None:
    server = ship.start(tmp_path, ship.card(), log=keep)
    answered: list[str] = []
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            for size, status in ((resource.RLIM_INFINITY, 200), (3000, 507), (resource.RLIM_INFINITY, 200)):
                limited(server.process.pid, size)
                responses = [client.post("/predict", json=[row] * 30) for _ in range(5)]
                assert responses[-1].status_code == (status if keep == "required" else 200)
                answered += [each["id"] for r in responses if r.status_code == 200 for each in r.json()]
                refused = [response.json()["error"] for response in responses if response.status_code == 507]
                assert all("disk" in error["expected"] for error in refused)
            lost = client.get("/v1/ship/figures").json()["lost"]
    finally:
        server.stop()
    told = logged(tmp_path)
    if keep == "required":
        assert lost == 0 and set(answered) <= told.keys()
    else:
        assert lost > 0 and len(set(answered) - told.keys()) == lost


def test_personal_columns_are_hashed_and_images_of_rows_are_not_asked_for(
    ship: Any, tmp_path: Path, row: dict[str, Any]
) -> None:
    card = ship.card()
    inputs = [c.model_copy(update={"personal": c.name == "embarked"}) for c in card.inputs]
    server = ship.start(tmp_path, card.model_copy(update={"inputs": tuple(inputs)}), log={"columns": {"age": "drop"}})
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        ids = [client.post("/predict", json={**row, "embarked": port}).json()["id"] for port in ("S", "C", "S")]
    server.stop()
    told = [logged(tmp_path)[id_] for id_ in ids]
    assert all("age" not in each and len(each["embarked"]) == 32 for each in told)
    assert told[0]["embarked"] == told[2]["embarked"] != told[1]["embarked"]
    assert [each["port"] for each in told] == ["S", "C", "S"], "what the model made of it is there to be watched"


def test_nothing_is_logged_where_the_project_says_so(ship: Any, tmp_path: Path, row: dict[str, Any]) -> None:
    server = ship.start(tmp_path, ship.card(), log=False)
    assert httpx.post(f"{server.url}/predict", json=row, trust_env=False).status_code == 200
    server.stop()
    assert logged(tmp_path) == {}
