"""The short way and the usual one: the same answers, whatever a client does with its connection."""

from __future__ import annotations

import json
import re
import socket
import time
from typing import Any

import httpx
import pytest

from tasks.serving.heads import Heads
from tasks.serving.site import Site

pytestmark = pytest.mark.slow


def request(body: bytes, *more: bytes, path: bytes = b"/v1/ship/predict") -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"host: localhost", b"content-type: application/json", *more]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", body])


def answers(connection: socket.socket, n: int) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    """The next `n` answers on the connection: status, headers, body."""
    found: list[tuple[int, dict[bytes, bytes], bytes]] = []
    received = b""
    while len(found) < n:
        head, separator, rest = received.partition(b"\r\n\r\n")
        if separator:
            status, *lines = head.split(b"\r\n")
            headers = dict(line.lower().split(b": ", 1) for line in lines)
            length = int(headers[b"content-length"])
            if len(rest) >= length:
                found.append((int(status.split()[1]), headers, rest[:length]))
                received = rest[length:]
                continue
        piece = connection.recv(65536)
        assert piece, received
        received += piece
    assert not received
    return found


@pytest.fixture
def connection(served: Any) -> Any:
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        yield connection


def test_which_heads_may_take_the_short_way(ship: Any, tmp_path: Any) -> None:
    site: Site = ship.site(tmp_path)
    heads = Heads(site)

    def route(*more: bytes, **options: bytes) -> Any:
        return heads.route(request(b"{}", *more, **options).removesuffix(b"{}"))

    assert route() == (site.only, 2, None) == route(path=b"/predict") == route(b"user-agent: x")
    for odd in (
        b"transfer-encoding: chunked",
        b"content-encoding: gzip",
        b"expect: 100-continue",
        b"connection: close",
        b"connection: upgrade",
        b"upgrade: websocket",
        b"content-length: 3",
        b"content-type: text/plain",
        b"host: another.site",
        b"x" * 5000 + b": 1",
        b"x y: 1",
    ):
        assert route(odd) is None, odd
    for path in (b"/v1/ship/predict?a=1", b"/v1/another/predict", b"/v1/ship/model", b"/v1/ship/predict/", b"*"):
        assert route(path=path) is None, path
    for head in (b"GET /predict HTTP/1.1", b"POST /predict HTTP/1.0", b"nonsense", b""):
        assert heads.route(head + b"\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n") is None


def test_both_ways_give_the_same(connection: socket.socket, row: dict[str, Any]) -> None:
    good = json.dumps(row).encode()
    for body in (good, b"[" + good + b"," + good + b"]", b"[]", b"{", b"[1]", json.dumps({**row, "age": "x"}).encode()):
        connection.sendall(request(body))
        ((status, headers, short),) = answers(connection, 1)
        connection.sendall(request(body, b"connection: keep-alive"))
        ((usual_status, usual_headers, usual),) = answers(connection, 1)
        assert status == usual_status
        assert headers.keys() == usual_headers.keys()
        told, expected = json.loads(short), json.loads(usual)
        for each in (
            *(told if isinstance(told, list) else [told]),
            *(expected if isinstance(expected, list) else [expected]),
        ):
            each.pop("id", None)
        assert told == expected


def test_a_request_in_pieces_is_answered_once(connection: socket.socket, row: dict[str, Any]) -> None:
    body = json.dumps(row).encode()
    whole = request(body)
    head = len(whole) - len(body)
    for cuts in ([head], [head + 5], [10], [head - 2], [head, head + 20], [3, head, head + 9, head + 30, head + 60]):
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            connection.sendall(whole[start:end])
            time.sleep(0.02)
        ((status, _, _),) = answers(connection, 1)
        assert status == 200, cuts


def test_requests_that_do_not_wait_are_answered_in_order(connection: socket.socket, row: dict[str, Any]) -> None:
    rows = [json.dumps({**row, "age": float(i)}).encode() for i in range(60)]
    connection.sendall(
        b"".join(request(body, *([b"connection: keep-alive"] if i % 3 == 0 else [])) for i, body in enumerate(rows))
    )
    first = answers(connection, 60)
    alone = []
    for body in rows:
        connection.sendall(request(body))
        alone += answers(connection, 1)
    told = [[json.loads(body)["probabilities"] for _, _, body in each] for each in (first, alone)]
    assert told[0] == told[1] and len({str(each) for each in told[0]}) > 30
    # One after the other in packets of their own, before the first is answered.
    for body in rows[:20]:
        connection.sendall(request(body))
    assert [status for status, _, _ in answers(connection, 20)] == [200] * 20


def test_the_ways_can_be_mixed_on_one_connection(connection: socket.socket, row: dict[str, Any]) -> None:
    good = request(json.dumps(row).encode())
    for _ in range(3):
        connection.sendall(good)
        assert answers(connection, 1)[0][0] == 200
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert answers(connection, 1)[0][2] == b'{"status":"ok"}'


def test_a_client_that_takes_no_answers_is_given_no_more(served: Any, row: dict[str, Any]) -> None:
    """What it does not read would pile up in the server's memory."""
    bodies = request(b"[" + b",".join([json.dumps(row).encode()] * 200) + b"]") * 4
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            for _ in range(400):
                connection.sendall(bodies)
                sent += len(bodies)
        assert sent < 40 * 2**20
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        assert client.post("/predict", json=row).status_code == 200


def test_an_endless_head_is_cut_off(served: Any) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        received = b""
        with pytest.raises(OSError):  # closed, in one of several ways
            for i in range(100_000):
                connection.sendall(b"x-%d: %b\r\n" % (i, b"y" * 100))
        connection.settimeout(1)
        try:
            received = connection.recv(1000)
        except OSError:
            return
        assert received == b"" or re.match(rb"HTTP/1.1 400", received)
