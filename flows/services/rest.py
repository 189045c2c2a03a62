"""Questions to a server's JSON API without importing the server's client, which would cost a second and 100 MB."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from tasks.core.errors import Unavailable


def post(url: str, body: object, seconds: float = 20) -> Any:
    """What the server answers, None for nothing; `Unavailable` when it does not answer, or with an error."""
    status, told = _asked("POST", url, json.dumps(body), seconds)
    if status >= 400 and status != 409:  # 409: it exists
        raise Unavailable(f"{url} refused a request", expected="a status below 400", found=f"{status}: {told[:300]}")
    return json.loads(told) if told else None


def answers(url: str, seconds: float = 10) -> bool:
    """Whether the address answers without an error."""
    try:
        return _asked("GET", url, None, seconds)[0] < 400
    except Unavailable:
        return False


def _asked(method: str, url: str, body: str | None, seconds: float) -> tuple[int, str]:
    address = urlsplit(url)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    try:
        with closing(kind(address.hostname or "", address.port, timeout=seconds)) as connection:
            connection.request(method, address.path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
    except (OSError, HTTPException, ValueError) as exc:
        found = str(exc) or type(exc).__name__
        raise Unavailable(f"{url} does not answer", expected=f"an answer within {seconds:.0f} s", found=found) from exc
