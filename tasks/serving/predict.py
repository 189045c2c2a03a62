"""POST /predict as raw ASGI: the rows of all requests of one event-loop turn are asked of the model at once.

Requests that arrive together share one run of the model, with no timer: the first of a turn schedules the run for
the end of the turn. A lone connection waits for nothing, and 32 of them batch themselves.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from typing import Any

import msgspec

from tasks.serving.model import Model, Output
from tasks.serving.refusal import BROKEN, Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 16 * 2**20
BODY_SECONDS = 20.0
CHUNK = 256  # rows of one request a turn, so that a long list keeps no other request waiting for more than 3 ms

log = logging.getLogger("keepfit.serving")


class Group:
    """Rows that wait for the end of the event loop's turn, to be asked of one model together."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._waiting: list[tuple[list[list[float]], asyncio.Future[list[Output]]]] = []

    def ask(self, rows: list[list[float]]) -> asyncio.Future[list[Output]]:
        """The model's outputs for packed rows, soon."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._run)
        future: asyncio.Future[list[Output]] = loop.create_future()
        self._waiting.append((rows, future))
        return future

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            outputs = self.model.ask([row for rows, _ in waiting for row in rows])
        except Exception as exc:
            for _, future in waiting:
                if not future.done():
                    future.set_exception(exc)
            return
        start = 0
        for rows, future in waiting:
            if not future.done():
                future.set_result(outputs[start : start + len(rows)])
            start += len(rows)


class Predict:
    """The ASGI application of /predict. A new `group` is another model: requests under way keep theirs."""

    def __init__(self, model: Model) -> None:
        self.group = Group(model)
        # Unique over restarts and processes by the random prefix; a counter costs a tenth of a UUID.
        self._prefix = secrets.token_hex(6)
        self._count = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _accepted(scope)
            status, body = 200, await self._answers(await _body(scope, receive))
        except Refusal as refusal:
            status, body = refusal.status, refusal.body()
        except Exception:
            log.exception("The model could not answer a request")
            status, body = BROKEN.status, BROKEN.body()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        if status == 405:
            headers.append((b"allow", b"POST"))
        if status in (408, 413):
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answers(self, body: bytes) -> bytes:
        group = self.group
        model = group.model
        schema = model.schema
        rows, single = schema.read(body)
        slow = schema.is_slow
        answers: list[Any] = []
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            # An image takes milliseconds to decode, in which the loop would answer nobody.
            floats = await asyncio.to_thread(schema.packed, chunk, start) if slow else schema.packed(chunk, start)
            for output in await group.ask(floats):
                answers.append(model.answer(f"{self._prefix}-{next(self._count):x}", output, len(answers)))
        if schema.warns:
            for row, answer in zip(rows, answers, strict=True):
                answer.warnings = schema.warnings(row) or msgspec.UNSET
        return msgspec.json.encode(answers[0] if single else answers)


def _accepted(scope: Scope) -> None:
    if scope["method"] != "POST":
        raise Refusal(405, "This address takes POST", expected="POST", found=scope["method"], action="Send a POST.")
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" or headers.get(b"content-encoding", b"identity").lower() != b"identity":
        # It also keeps other web sites out: a browser may send JSON across sites only after asking.
        raise Refusal(
            415,
            "The body has another content type",
            expected="application/json, not compressed",
            found=kind.decode("latin-1") or "none",
            action="Send the header “content-type: application/json”.",
        )


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The request's body. Raises Refusal when it is too large or too slow to arrive."""
    message = await receive()
    body = message.get("body", b"")
    if message.get("more_body", False):
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _rest(bytearray(body), receive)
        except TimeoutError:
            raise Refusal(408, "The body did not arrive in time", expected=f"{BODY_SECONDS:.0f} seconds") from None
    if len(body) > MAX_BODY:
        raise Refusal(
            413,
            "The body is too large",
            expected=f"at most {MAX_BODY // 2**20} MiB",
            action="Send the rows in several requests, or use `keepfit predict` for a file.",
        )
    return body


async def _rest(body: bytearray, receive: Receive) -> bytes:
    # What is over the limit is read and thrown away for a while: closing at once would lose the answer, since many
    # clients read only when they have sent all.
    more, size = True, len(body)
    while more and size <= 16 * MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "The client went away")
        more = message.get("more_body", False)
        size += len(message["body"])
        if len(body) <= MAX_BODY:
            body += message["body"]
    return bytes(body)
