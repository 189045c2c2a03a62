"""The short way of a prediction: from the socket's bytes to the model and back, without an ASGI task between.

It is uvicorn's own protocol for everything else. A request takes the short way only when its head is one that may and
nothing else is under way on its connection. That is two to four times as fast (benchmarks/serving.py); what leans on
uvicorn's inside is pinned by tests/serving/test_protocol.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

if TYPE_CHECKING:
    from tasks.serving.heads import Route
    from tasks.serving.site import Site

MOST_HELD = 256 * 2**10
"""Bytes of the next requests that wait while an answer is under way."""
MOST_PIECES = 4
"""In which a request may arrive and take the short way; many clients send head and body each by itself."""
LONGEST_HEAD = 64 * 2**10
IDLE_SECONDS = 20.0
"""A connection without a request for so long is closed; so is one that does not end its request's head."""

_encode = msgspec.json.Encoder().encode


class _Flow(FlowControl):
    """Uvicorn's, which reads on whenever an answer begins or ends; here only if what was read is not enough."""

    def __init__(self, transport: Any, is_full: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._is_full = is_full

    def resume_reading(self) -> None:
        if not self._is_full():
            super().resume_reading()


class Protocol(HttpToolsProtocol):
    """One connection. `site` is what it asks."""

    def __init__(self, site: Site, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._site = site
        self._route: Route | None = None
        """Of the request that is being answered the short way."""
        self._single = True
        self._held = self._begun = b""
        self._n_pieces = 0
        self._in_head = self._in_message = self._is_ending = False
        self._n_head = 0
        self._used = self.loop.time()
        self._watch: Any = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flow = _Flow(transport, self._is_full)
        self._watch = self.loop.call_later(IDLE_SECONDS, self._watched)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._route is not None or self.flow.write_paused:
            # HTTP answers in order; and nobody gets more who does not take what there is.
            self._held += data
            if len(self._held) > MOST_HELD:
                self.flow.pause_reading()
            return
        self._used = self.loop.time()
        if not self._in_message and self._is_answered():
            if self._begun:
                data, self._begun = self._begun + data, b""
            end = data.find(b"\r\n\r\n") + 4
            route = self._site.heads.route(data[:end]) if end > 3 else None
            if route is not None:
                missing = route.length - len(data) + end
                if missing > 0 and self._n_pieces < MOST_PIECES:
                    self._begun = data
                    self._n_pieces += 1
                    return
                self._n_pieces = 0
                if missing == 0 and self._answer(route, data[end:]):
                    return
        super().data_received(data)
        if self._in_head:
            self._n_head += len(data)
            if self._n_head > LONGEST_HEAD + len(data) and not self.transport.is_closing():
                self.send_400_response("The head of the request is too long.")

    # The parser's callbacks: where in a message the connection is.

    def on_message_begin(self) -> None:
        self._in_head = self._in_message = True
        self._n_head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._used = self.loop.time()
        super().on_response_complete()
        self.flow.resume_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_on()

    def timeout_keep_alive_handler(self) -> None:
        """Uvicorn's own timer knows nothing of the short way; `_watched` does what it is for."""

    def shutdown(self) -> None:
        """Close, once the answer under way is given."""
        if self._route is not None:
            self._is_ending = True
        else:
            super().shutdown()

    def _is_answered(self) -> bool:
        """Whether no request is under way by the usual way."""
        cycle: Any = self.cycle  # None until the first
        return cycle is None or cycle.response_complete

    def _is_full(self) -> bool:
        """Whether requests wait that cannot be answered yet: more of them would pile up in memory."""
        return bool(self.pipeline) or len(self._held) > MOST_HELD

    # The short way

    def _answer(self, route: Route, body: bytes) -> bool:
        """Whether the request is taken; it may be answered already."""
        started = time.perf_counter_ns()
        self._route = route
        self._single = not body.lstrip(b" \t\r\n").startswith(b"[")
        try:
            if route.caller is not None:
                route.caller.take()
            if route.service.submit(body, started, self._deliver):
                return True
            self._route = None
            return False
        except Exception as exc:
            self._deliver(exc)
            return True

    def _deliver(self, told: list[Any] | Exception) -> None:
        route, self._route = self._route, None
        assert route is not None
        if self.transport.is_closing():
            return
        if isinstance(told, list):
            body = _encode(told[0] if self._single else told)
            head = b"HTTP/1.1 200 OK\r\n"
            more: tuple[tuple[bytes, bytes], ...] = ()
        else:
            refusal = route.service.refused(told)
            head, more, body = STATUS_LINE[refusal.status], refusal.headers, refusal.body()
        lines = b"".join([b"%b: %b\r\n" % line for line in more])
        self.transport.write(
            b"%b%bcontent-type: application/json\r\n%bcontent-length: %d\r\n%b\r\n%b"
            % (
                head,
                self._site.headers(self.server_state.default_headers),
                lines,
                len(body),
                b"connection: close\r\n" if self._is_ending else b"",
                body,
            )
        )
        self.server_state.total_requests += 1
        self._site.awake.answered(self.loop)
        if self._is_ending:
            self.transport.close()
        elif self._held:
            self._go_on()

    def _go_on(self) -> None:
        """Take what arrived meanwhile."""
        if self._held and self._route is None and not self.flow.write_paused and not self.transport.is_closing():
            held, self._held = self._held, b""
            self.flow.resume_reading()
            self.data_received(held)

    def _watched(self) -> None:
        """Close a connection that nobody uses; one timer that moves on costs less than one a request."""
        is_busy = self._route is not None or not self._is_answered()
        left = IDLE_SECONDS if is_busy else self._used + IDLE_SECONDS - self.loop.time()
        if left <= 0 and not self.transport.is_closing():
            self.transport.close()
        else:
            self._watch = self.loop.call_later(max(left, 1.0), self._watched)
