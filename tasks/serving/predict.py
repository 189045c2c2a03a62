"""POST predict as ASGI: for every request that the short way of protocol.py leaves to it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from tasks.serving import bodies
from tasks.serving.bodies import Receive, Scope, Send
from tasks.serving.refusal import Refusal
from tasks.serving.service import Service

Reader = Callable[[Service, bytes, Scope, int], Awaitable[tuple[bytes, str]]]
"""Answers a body: the response's body and its content type."""

MOST_LOOKED_AT_US = 10_000_000


async def predict(service: Service, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the request's rows."""
    try:
        reader = _reader(scope)
        body = await bodies.whole(scope, receive)
        answer, kind = await reader(service, body, scope, time.perf_counter_ns())
    except Exception as exc:
        await refuse(service.refused(exc), send)
        return
    headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def refuse(refusal: Refusal, send: Send) -> None:
    """Send why there is no answer."""
    body = refusal.body()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *refusal.headers]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _reader(scope: Scope) -> Reader:
    if scope["method"] != "POST":
        raise Refusal(
            405,
            "This address takes POST",
            expected="POST",
            found=scope["method"],
            action="Send a POST.",
            headers=((b"allow", b"POST"),),
        )
    kind = bodies.content_type(scope)
    if kind not in READERS:
        # It also keeps other web sites out: a browser may send these across sites only after asking.
        raise Refusal(
            415,
            "The body has another content type",
            expected=", ".join(READERS),
            found=kind[:100] or "none",
            action="Send the header “content-type: application/json”.",
        )
    return READERS[kind]


async def _json(service: Service, body: bytes, scope: Scope, started: int) -> tuple[bytes, str]:
    rows, single = service.champion.model.schema.read(body)
    answers: list[Any] = await service.answers(rows, started)
    return msgspec.json.encode(answers[0] if single else answers), "application/json"


READERS: dict[str, Reader] = {"application/json": _json}
