"""A web API on loopback that pages in every way that there is, and fails in every way that a test asks for."""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

SIZE = 10

Fault = Callable[["Handler"], None]


class Api(ThreadingHTTPServer):
    """`rows` are served; each of `faults` is what the next request gets instead; `asked` counts the requests."""

    daemon_threads = True

    def __init__(self, rows: list[Any]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rows = rows
        self.faults: list[Fault | None] = []
        self.always: dict[str, Fault] = {}
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.key = ""
        self.slow_from: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        self.server.headers.append(dict(self.headers))
        path = urlsplit(self.path).path
        fault = self.server.faults.pop(0) if self.server.faults else None
        fault = fault or self.server.always.get(path)
        if fault is not None:
            fault(self)
            return
        key = self.server.key
        if key and key not in (self.headers.get("Authorization"), self.headers.get("X-API-Key"), self.query.get("key")):
            self.give(b'{"error": "who are you?"}', status=401)
            return
        getattr(self, f"page_{path.strip('/').replace('/', '_')}")()

    def give(self, body: bytes, *, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        sent = {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in (sent | {n.replace("_", "-"): v for n, v in headers.items()}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def give_json(self, value: Any, **headers: str) -> None:
        self.give(json.dumps(value).encode(), **headers)

    def cut(self, at: int) -> tuple[list[Any], int | None]:
        """The rows from `at` on, and where the page after them begins."""
        rows = self.server.rows
        then = at + SIZE
        return rows[at:then], then if then < len(rows) else None

    # Ways to page

    def page_all(self) -> None:
        self.give_json(self.server.rows)

    def page_page(self) -> None:
        rows, _ = self.cut((int(self.query.get("page", 1)) - 1) * SIZE)
        if self.server.slow_from is not None and int(self.query["page"]) >= self.server.slow_from:
            time.sleep(60)
        self.give_json({"total": len(self.server.rows), "data": {"items": rows, "notes": []}})

    def page_strict(self) -> None:
        rows, _ = self.cut((int(self.query["page"]) - 1) * SIZE)
        if rows:
            self.give_json(rows)
        else:
            self.give(b'{"detail": "Invalid page."}', status=404)

    def page_offset(self) -> None:
        rows, _ = self.cut(int(self.query.get("offset", 0)))
        self.give_json({"results": rows})

    def page_cursor(self) -> None:
        rows, then = self.cut(int(self.query.get("after", "c0")[1:]))
        self.give_json({"data": rows, "meta": {"next": f"c{then}" if then else ""}})

    def page_last(self) -> None:
        after = int(self.query.get("after", -1))
        self.give_json({"data": [row for row in self.server.rows if row["id"] > after][:SIZE]})

    def page_next(self) -> None:
        rows, then = self.cut(int(self.query.get("from", 0)))
        url = f"/next?{urlencode(self.query | {'from': then})}" if then else None
        self.give_json({"links": {"next": url}, "results": rows})

    def page_whole(self) -> None:
        rows, then = self.cut(int(self.query.get("from", 0)))
        self.give_json({"next": f"{self.server.url}/whole?from={then}" if then else None, "results": rows})

    def page_link(self) -> None:
        rows, then = self.cut(int(self.query.get("from", 0)))
        self.give_json(rows, **({"Link": f'</link?from={then}>; rel="next", </x>; rel="last"'} if then else {}))

    def page_since(self) -> None:
        """All rows from `updated_after` on, its own among them."""
        at = self.query.get("updated_after", "")
        self.give_json([row for row in self.server.rows if row["at"] >= at])

    def page_behind(self) -> None:
        """All rows after `updated_after`."""
        at = self.query.get("updated_after", "")
        self.give_json([row for row in self.server.rows if row["at"] > at])

    def page_csv(self) -> None:
        rows, _ = self.cut((int(self.query.get("page", 1)) - 1) * SIZE)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.server.rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        self.give(text.getvalue().encode(), kind="text/csv")

    def page_jsonl(self) -> None:
        rows, _ = self.cut((int(self.query.get("page", 1)) - 1) * SIZE)
        self.give("".join(json.dumps(row) + "\n" for row in rows).encode(), kind="application/x-ndjson")

    def page_moved(self) -> None:
        self.give(b"", status=302, Location=f"/all?{urlsplit(self.path).query}")


# Faults


def status(code: int, body: bytes = b"busy", **headers: str) -> Fault:
    return lambda handler: handler.give(body, status=code, **headers)


def later() -> Fault:
    """503 with a moment to come back at, which has just passed."""
    moment = format_datetime(datetime.now(UTC) - timedelta(seconds=1), usegmt=True)
    return status(503, Retry_After=moment)


def to(location: str) -> Fault:
    return lambda handler: handler.give(b"", status=302, Location=location)


def gives(body: bytes, **headers: str) -> Fault:
    return lambda handler: handler.give(body, **headers)


def hangs_up(handler: Handler) -> None:
    """Break the connection before any answer."""
    handler.close_connection = True
    handler.connection.close()


def breaks(handler: Handler) -> None:
    """Promise more than comes, and hang up."""
    handler.give(b'[{"id": 1}', Content_Length="1000")
    handler.close_connection = True


def trickles(handler: Handler) -> None:
    """A byte now and then, for ever."""
    handler.give(b"[", Content_Length="100000000")
    while True:
        time.sleep(0.02)
        handler.wfile.write(b" ")


def sleeps(handler: Handler) -> None:
    time.sleep(5)


def zipped(body: bytes) -> bytes:
    return gzip.compress(body)


@contextmanager
def serving(rows: list[Any]) -> Iterator[Api]:
    """The API while the block runs."""
    api = Api(rows)
    thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.shutdown()
        api.server_close()
        thread.join()
