"""What the head of a request means, remembered by its bytes: a client sends the same head again and again.

The head is read once, by the parser that reads all requests; what is remembered is only whether it may take the short
way. A head that is odd in any respect may not, and goes the usual way through uvicorn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import httptools

from tasks.serving.access import Caller
from tasks.serving.refusal import Refusal

if TYPE_CHECKING:
    from tasks.serving.service import Service
    from tasks.serving.site import Site

MOST_HEADS = 2_048
LONGEST_HEAD = 4_096
LONGEST_BODY = 256 * 2**10
"""A longer body comes in many pieces, and takes long enough to be read the usual way."""
ODD = frozenset({b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"connection", b"te", b"trailer"})


class Route(NamedTuple):
    """Where the body goes that follows, how long it is, and who sends it."""

    service: Service
    length: int
    caller: Caller | None


class _Head:
    """What the parser tells of a head."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True


class Heads:
    """The heads that were seen, and where they lead; None: the usual way."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: dict[bytes, Route | None] = {}

    def route(self, head: bytes) -> Route | None:
        """Where the request with this head goes by the short way; None if it may not."""
        try:
            return self._known[head]
        except KeyError:
            pass
        if len(head) > LONGEST_HEAD:
            return None
        if len(self._known) >= MOST_HEADS:
            self._known.clear()
        found = self._known[head] = self._read(head)
        return found

    def forget(self) -> None:
        """Read them anew: who may ask has changed."""
        self._known.clear()

    def _read(self, head: bytes) -> Route | None:
        told = _Head()
        parser = httptools.HttpRequestParser(told)
        try:
            parser.feed_data(head)
        except httptools.HttpParserError:
            return None
        if not told.complete or parser.get_method() != b"POST" or parser.get_http_version() != "1.1":
            return None
        headers = dict(told.headers)
        # Two headers of one name can be read in two ways.
        if len(headers) < len(told.headers) or ODD & headers.keys() or not parser.should_keep_alive():
            return None
        length = headers.get(b"content-length", b"")
        service = self._site.predicts(told.url.decode("latin-1"))
        if service is None or not length.isdigit() or not 0 < int(length) <= LONGEST_BODY:
            return None
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
            return None
        try:
            self._site.hosts.check(headers.get(b"host"))
            caller = self._site.access(service).caller(headers.get(b"authorization"))
        except Refusal:
            return None
        return Route(service, int(length), caller)
