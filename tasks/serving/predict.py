"""POST predict as ASGI: for every request that the short way of protocol.py leaves to it."""

from __future__ import annotations

import time

from tasks.serving import access, bodies
from tasks.serving.bodies import Receive, Scope, Send
from tasks.serving.readers import READERS
from tasks.serving.readers.reader import Reader
from tasks.serving.refusal import Refusal
from tasks.serving.service import Service


async def predict(service: Service, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the request's rows."""
    try:
        reader = _reader(scope)
        body = await bodies.whole(scope, receive, reader.max_body)
        answer, kind = await reader.answer(service, body, scope, time.perf_counter_ns())
    except Exception as exc:
        await refuse(service.refused(exc), send)
        return
    headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def refuse(refusal: Refusal, send: Send, path: str = "") -> None:
    """Send why there is no answer, in the shape of errors at that path."""
    body = refusal.body(path)
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
    reader = READERS[kind]
    if reader.is_simple:
        access.same_origin(scope["headers"])
    return reader
