"""Starting and stopping the server, and what it says besides predictions."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.core import outcomes, store
from tasks.core.errors import KeepfitError, Refused, Unavailable
from tasks.core.predictions import reading
from tasks.serving.app import application
from tasks.serving.server import run
from tasks.serving.site import Serving

pytestmark = pytest.mark.slow


def never(address: str) -> None:
    raise AssertionError(f"it must not serve at {address}")


def test_a_taken_port_is_named_before_the_model_is_loaded(ship: Any, tmp_path: Path) -> None:
    serving = Serving(projects=(ship.served(tmp_path / "no home"),))
    for options in ([], [socket.SO_REUSEPORT]):  # the second one would let another server share its port
        with socket.socket() as other:
            for option in options:
                other.setsockopt(socket.SOL_SOCKET, option, 1)
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            with pytest.raises(Unavailable, match=rf"port {port} .*--port"):
                run(serving, port=port, on_ready=never)


@pytest.mark.parametrize(
    ("host", "port", "option"),
    [("no.such.host.invalid", 0, "--host"), ("127.0.0.1", 70_000, "--port"), ("192.0.2.1", 0, "--host")],
)
def test_an_address_that_cannot_be_is_an_error_in_words(host: str, port: int, option: str) -> None:
    with pytest.raises(KeepfitError, match=option):
        run(Serving(projects=(), host=host), port=port, on_ready=never)


def test_a_file_with_another_digest_is_not_served(ship: Any, tmp_path: Path) -> None:
    champion = ship.keep(tmp_path, ship.card())
    ship.point(tmp_path, champion)
    with store.opened(tmp_path):
        store.path(champion.artifact).write_bytes(b"another")
    with pytest.raises(Refused, match="not the one that was registered"):
        ship.site(tmp_path).load()


def test_a_model_that_fails_its_own_samples_is_not_served(ship: Any, tmp_path: Path) -> None:
    card = ship.card().model_copy(update={"sample": ('{"age": "old"}',)})
    ship.point(tmp_path, ship.keep(tmp_path, card))
    with pytest.raises(Refused, match="sample rows"):
        ship.site(tmp_path).load()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_within_seconds(ship: Any, tmp_path: Path, number: signal.Signals) -> None:
    server = ship.start(tmp_path, ship.card())
    body = json.dumps(ship.samples[0])
    with (
        httpx.Client(base_url=server.url, trust_env=False) as idle,
        socket.create_connection(("127.0.0.1", server.port)) as stalled,
    ):
        assert idle.get("/healthz").status_code == 200
        stalled.sendall(b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n")
        stalled.sendall(b"content-length: 1000\r\n\r\n" + body[:10].encode())
        time.sleep(0.2)
        started = time.monotonic()
        server.process.send_signal(number)
        assert server.process.wait(timeout=10) == 0
        assert time.monotonic() - started < 6
    server.stop()
    with socket.socket() as again:  # the port is free at once
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", server.port))


def test_starting_needs_no_training_library(ship: Any, tmp_path: Path) -> None:
    ship.point(tmp_path, ship.keep(tmp_path, ship.card()))
    serving = Serving(projects=(ship.served(tmp_path),))
    code = f"""
import sys
import tasks.serving.worker
from tasks.serving.app import application
from tasks.serving.site import Serving, Site
site = Site(Serving.model_validate_json({serving.model_dump_json()!r}), print)
site.load()
application(site)
print(*sorted({{"sklearn", "pandas", "mlflow", "prefect", "great_expectations", "onnx", "pickle5"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_model_that_breaks_is_unready_and_keeps_its_inside_to_itself(
    ship: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ship.point(tmp_path, ship.keep(tmp_path, ship.card()))
    site = ship.site(tmp_path)
    site.load()
    del site.only.champion.model.scorer

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(application(site))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [await client.get("/readyz"), await client.post("/predict", json=ship.samples[0])]

    ready, answer = asyncio.run(ask())
    assert (ready.status_code, answer.status_code) == (503, 500)
    assert answer.json()["error"]["what"] == "The model could not answer" and "scorer" not in answer.text + ready.text
    assert "scorer" in caplog.text  # the log says what the answer does not


def test_several_projects_share_a_process_and_each_answers_for_itself(ship: Any, tmp_path: Path) -> None:
    ship.point(tmp_path / "a", ship.keep(tmp_path / "a", ship.card()))
    ship.point(tmp_path / "b", ship.keep(tmp_path / "b", ship.card("regression", n_numbers=2), "7"), name="boat")
    serving = Serving(projects=(ship.served(tmp_path / "a"), ship.served(tmp_path / "b", name="boat")))
    server = ship.run(serving, tmp_path / "a", ship.card())
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            assert client.post("/v1/ship/predict", json=ship.samples[0]).json()["model"]["name"] == "ship"
            told = client.post("/v1/boat/predict", json={"x0": 1, "x1": None}).json()
            assert told["model"] == {"name": "boat", "version": "7", "digest": told["model"]["digest"]}
            assert client.post("/v1/boat/predict", json=ship.samples[0]).status_code == 422
            assert [each["project"] for each in client.get("/v1").json()["projects"]] == ["ship", "boat"]
            for path in ("/predict", "/v1/another/predict", "/v1/another/model"):
                assert client.post(path, json={}).status_code in (404, 405), path
            assert client.get("/readyz").json()["projects"].keys() == {"ship", "boat"}
            assert {"/v1/ship/predict", "/v1/boat/predict"} <= client.get("/openapi.json").json()["paths"].keys()
    finally:
        server.stop()


def test_outcomes_are_kept_by_id_and_by_key_and_never_stop_predictions(ship: Any, tmp_path: Path) -> None:
    server = ship.start(tmp_path, ship.card(), key=("ticket",))
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            answer = client.post("/predict", json={**ship.samples[0], "ticket": 17}).json()
            url = "/v1/ship/outcomes"
            told = [
                {"id": answer["id"], "outcome": "saved"},
                {"key": 17, "outcome": "drowned", "at": "2026-01-01T00:00:00+02:00"},
            ]
            assert client.post(url, json=told).json() == {"new": 2, "repeated": 0}
            assert client.post(url, json=told[0]).json() == {"new": 0, "repeated": 1}
            for wrong, word in (
                ({"outcome": "saved"}, "one row"),
                ({"id": "a", "key": "b", "outcome": "saved"}, "one row"),
                ({"id": "a", "outcome": "swam"}, "no class"),
                ({"id": "a", "outcome": None}, "cannot be read"),
                ({"id": "a", "outcome": "saved", "more": 1}, "cannot be read"),
                ({"key": [1, 2], "outcome": "saved"}, "another number"),
                ({"id": "a" * 5000, "outcome": "saved"}, ""),
                ({"id": "a", "outcome": "saved", "at": "yesterday"}, "cannot be read"),
            ):
                refused = client.post(url, json=wrong)
                assert refused.status_code == 422 and word in refused.json()["error"]["what"], (wrong, refused.text)
            database = tmp_path / "keepfit.db"
            with store.opened(tmp_path):
                joined = outcomes.joined(reading.table(reading.read(tmp_path, "ship")), "ship")
            assert joined["__outcome__"].to_pylist() == ["saved"]
            database.write_bytes(b"no database")
            away = client.post(url, json=told)
            assert away.status_code == 503 and "keepfit.db" not in away.text
            assert client.post("/predict", json=ship.samples[0]).status_code == 200
    finally:
        server.stop()


def test_it_speaks_tls(ship: Any, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    ship.point(tmp_path, ship.keep(tmp_path, ship.card()))
    serving = Serving(projects=(ship.served(tmp_path),))
    server = ship.run(serving, tmp_path, ship.card(), certificate=str(certificate), private_key=str(key))
    try:
        trusted = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(base_url=server.url.replace("http:", "https:"), verify=trusted, trust_env=False) as client:
            for _ in range(3):
                assert client.post("/predict", json=ship.samples[0]).status_code == 200
            assert client.get("/readyz").status_code == 200
    finally:
        server.stop()


def test_health_readiness_and_the_card(client: httpx.Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200 and ready.json()["model"]["version"] == "3"
    card = client.get("/model").json()["card"]
    assert card["target"]["name"] == "fate" and len(card["inputs"]) == 6


def test_openapi_describes_predict_with_an_example_that_works(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v1/ship/predict"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    row, _ = content["schema"]["oneOf"]
    assert row["properties"]["age"] == {"type": ["number", "null"]}
    for example in content["examples"].values():
        assert client.post("/predict", json=example["value"]).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/model", 405), ("GET", "/docs", 404)]
)
def test_other_mistakes_have_the_same_shape(client: httpx.Client, method: str, path: str, status: int) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"what", "row", "field", "expected", "found", "next"}
