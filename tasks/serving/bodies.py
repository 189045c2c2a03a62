"""Request bodies: whole, within their limits of size and time, whatever the client does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tasks.serving.refusal import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 16 * 2**20
BODY_SECONDS = 20.0


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of the request's header of that name, in lower case; the last of several."""
    return next((value for key, value in reversed(scope["headers"]) if key == name), None)


def content_type(scope: Scope) -> str:
    """The body's media type without its parameters. Raises Refusal for a compressed body."""
    encoding = (header(scope, b"content-encoding") or b"identity").lower()
    if encoding != b"identity":
        # A megabyte of zeros is a kilobyte when compressed.
        raise Refusal(
            415,
            "The body is compressed",
            expected="a body as it is",
            found=encoding.decode("latin-1")[:100],
            action="Leave out the header “content-encoding”, and send the body as it is.",
        )
    return (header(scope, b"content-type") or b"").partition(b";")[0].strip().lower().decode("latin-1")


async def whole(scope: Scope, receive: Receive, most: int = MAX_BODY) -> bytes:
    """The request's body of at most so many bytes. Raises Refusal when it is too large or too slow to arrive."""
    message = await receive()
    body = message.get("body", b"")
    if message.get("more_body", False):
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _rest(bytearray(body), receive, most)
        except TimeoutError:
            raise Refusal(
                408,
                "The body did not arrive in time",
                expected=f"{BODY_SECONDS:.0f} seconds",
                headers=((b"connection", b"close"),),
            ) from None
    if len(body) > most:
        raise Refusal(
            413,
            "The body is too large",
            expected=f"at most {most // 2**20} MiB",
            action="Send the rows in several requests, or use `keepfit predict` for a file.",
            headers=((b"connection", b"close"),),
        )
    return body


async def _rest(body: bytearray, receive: Receive, most: int) -> bytes:
    # What is over the limit is read and thrown away for a while: closing at once would lose the answer, since many
    # clients read only when they have sent all.
    more, size = True, len(body)
    while more and size <= 16 * MAX_BODY + most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "The client went away")
        more = message.get("more_body", False)
        size += len(message["body"])
        if len(body) <= most:
            body += message["body"]
    return bytes(body)
