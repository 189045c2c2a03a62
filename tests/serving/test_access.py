"""Who may ask: keys, rates, host names, and what an answer tells a browser."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.core import clients, store
from tasks.serving.access import Hosts, is_loopback
from tasks.serving.refusal import Refusal

pytestmark = pytest.mark.slow


def test_keys_let_in_who_holds_one(ship: Any, tmp_path: Path, row: dict[str, Any]) -> None:
    with store.opened(tmp_path):
        token, _ = clients.add("ship", "billing")
    server = ship.start(tmp_path, ship.card(), access="keys")
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            for path in ("/healthz", "/readyz", "/"):
                assert client.get(path).status_code == 200, path
            for path in ("/v1", "/v1/ship/model", "/v1/ship/figures", "/metrics", "/openapi.json", "/model"):
                refused = client.get(path)
                assert refused.status_code == 401, path
                assert (
                    refused.headers["www-authenticate"] == "Bearer"
                    and "keepfit keys" in refused.json()["error"]["next"]
                )
                assert client.get(path, headers={"authorization": f"Bearer {token}"}).status_code == 200, path
            for value in (None, "", "Bearer", "Basic x", f"Bearer {token}x", f"Bearer {token[:-1]}", "Bearer kf_a_b"):
                headers = {} if value is None else {"authorization": value}
                for more in ({}, {"connection": "keep-alive, x"}):  # the short way, and the usual one
                    assert client.post("/predict", json=row, headers={**headers, **more}).status_code == 401, value
            good = {"authorization": f"Bearer {token}"}
            assert client.post("/predict", json=row, headers=good).status_code == 200
            with store.opened(tmp_path):
                clients.revoke("ship", "billing")
            deadline = time.monotonic() + 6
            while client.post("/predict", json=row, headers=good).status_code != 401:
                assert time.monotonic() < deadline, "a revoked key is worth nothing within seconds"
                time.sleep(0.1)
            with store.opened(tmp_path):
                token, _ = clients.add("ship", "another")
            while client.post("/predict", json=row, headers={"authorization": f"bearer {token}"}).status_code != 200:
                assert time.monotonic() < deadline + 6, "and a new one counts"
                time.sleep(0.1)
    finally:
        server.stop()


def test_a_key_has_its_rate(ship: Any, tmp_path: Path, row: dict[str, Any]) -> None:
    with store.opened(tmp_path):
        slow, _ = clients.add("ship", "slow", rate=5)
        fast, _ = clients.add("ship", "fast")
    server = ship.start(tmp_path, ship.card(), access="keys")
    try:
        with httpx.Client(base_url=server.url, trust_env=False) as client:
            told = [client.post("/predict", json=row, headers={"authorization": f"Bearer {slow}"}) for _ in range(30)]
            assert [answer.status_code for answer in told[:10]] == [200] * 10
            assert told[-1].status_code == 429 and told[-1].headers["retry-after"] == "1"
            assert "5 a second" in told[-1].json()["error"]["expected"]
            quick = [client.post("/predict", json=row, headers={"authorization": f"Bearer {fast}"}) for _ in range(30)]
            assert {answer.status_code for answer in quick} == {200}
    finally:
        server.stop()


def test_a_foreign_name_is_refused_where_nobody_needs_a_key(served: Any, row: dict[str, Any]) -> None:
    """Any site may point its name at 127.0.0.1, and the browser then takes the server for that site."""
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        for name in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", ""):
            for path in ("/predict", "/v1/ship/outcomes"):
                refused = client.post(path, json=row, headers={"host": name})
                assert refused.status_code in (400, 421), name
        for name in ("localhost", "127.0.0.1:9", "[::1]:8000", "LOCALHOST:1"):
            assert client.post("/predict", json=row, headers={"host": name}).status_code == 200, name


def test_names_that_the_server_may_bear() -> None:
    Hosts("0.0.0.0", (), keys_required=False).check(b"any.example")
    Hosts("127.0.0.1", (), keys_required=True).check(b"any.example")
    Hosts("127.0.0.1", ("model.example",), keys_required=False).check(b"Model.Example:80")
    for bound, named, keys in (("127.0.0.1", (), False), ("0.0.0.0", ("model.example",), True)):
        with pytest.raises(Refusal, match="not known by this name"):
            Hosts(bound, named, keys).check(b"any.example")
    assert (
        is_loopback("127.8.8.8") and is_loopback("::1") and not is_loopback("0.0.0.0") and not is_loopback("10.0.0.1")
    )


def test_answers_tell_a_browser_to_be_careful(client: httpx.Client, row: dict[str, Any]) -> None:
    for response in (client.post("/predict", json=row), client.get("/v1"), client.get("/"), client.get("/nothing")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in response.headers
    asked = client.options("/predict", headers={"origin": "https://a.example", "access-control-request-method": "POST"})
    assert asked.status_code == 405 and "access-control-allow-origin" not in asked.headers
