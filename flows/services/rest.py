"""Questions to a server's JSON API without importing the server's client, which would cost a second and 100 MB."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from tasks.core.errors import Unavailable


def post(url: str, body: object, seconds: float = 20, headers: Mapping[str, str] | None = None) -> Any:
    """What the server answers, None for nothing; `Unavailable` when it does not answer, or with an error.

    A `body` that is a text is JSON already.
    """
    return _said("POST", url, body if isinstance(body, str) else json.dumps(body), seconds, headers)


def get(url: str, seconds: float = 20, headers: Mapping[str, str] | None = None) -> Any:
    """The same of what is only asked."""
    return _said("GET", url, None, seconds, headers)


def answers(url: str, seconds: float = 10) -> bool:
    """Whether the address answers without an error."""
    try:
        return _asked("GET", url, None, seconds, {})[0] < 400
    except Unavailable:
        return False


def _said(method: str, url: str, body: str | None, seconds: float, headers: Mapping[str, str] | None) -> Any:
    status, told = _asked(method, url, body, seconds, headers or {})
    if status >= 400 and status != 409:  # 409: it exists
        raise Unavailable(f"{url} refused a request", expected="a status below 400", found=f"{status}: {told[:300]}")
    return json.loads(told) if told else None


def _asked(method: str, url: str, body: str | None, seconds: float, headers: Mapping[str, str]) -> tuple[int, str]:
    address = urlsplit(url)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    try:
        with closing(kind(address.hostname or "", address.port, timeout=seconds)) as connection:
            sent = body.encode() if body is not None else None
            connection.request(method, address.path, sent, {"content-type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
    except (OSError, HTTPException, ValueError) as exc:
        found = str(exc) or type(exc).__name__
        raise Unavailable(f"{url} does not answer", expected=f"an answer within {seconds:.0f} s", found=found) from exc
