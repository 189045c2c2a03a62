"""One page of a web API on disk, however often it takes to get it; or an error that says in words what came instead.

What is broken for a while (429, 5xx, connections) is tried again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core.errors import DataError, ProjectError, Unavailable
from tasks.sources.addresses import Addresses
from tasks.sources.inflating import Broken, TooLarge, write_inflated
from tasks.sources.paging import Ask
from tasks.sources.veil import Veil

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 6
FIRST_WAIT = 0.5
"""Seconds before the second attempt; each further one waits twice as long, with jitter."""
MOST_WAIT = 600.0
"""Seconds that one page is waited for in all, between its attempts."""
PAGE_SECONDS = 1800.0
"""A body that still trickles after so long is given up: no read times out as long as a byte comes now and then."""
CONNECT_SECONDS = 15.0
REDIRECTS = 5

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REFUSALS = {
    401: ("credentials that the server takes", "Check `auth` of the source, and the variables that it names"),
    403: ("leave to read this", "Check that the key may read this address"),
    404: ("rows at this address", "Check `url` of the source"),
    410: ("rows at this address", "Check `url` of the source"),
}


class Refusal(DataError):
    """The server answered that it will not; asking again would not help."""

    def __init__(self, status: int, what: str, *, expected: str, found: str, action: str) -> None:
        super().__init__(what, expected=expected, found=found, action=action)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """A page's body in a file, uncompressed, and what its headers say."""

    path: Path
    url: str
    """Where it came from, without the query."""
    content_type: str
    charset: str | None
    link: str | None


class _Passing(Exception):
    """What may be gone the next time; `wait`: the seconds that the server asks for."""

    def __init__(self, found: str, wait: float | None = None) -> None:
        super().__init__(found)
        self.wait = wait


class Session:
    """Asks one server, politely, and takes every secret out of what it says of it."""

    def __init__(self, client: httpx.Client, addresses: Addresses, veil: Veil, per_second: float | None = None) -> None:
        self.addresses = addresses
        self._client = client
        self._veil = veil
        self._pause = 1 / per_second if per_second else 0.0
        self._not_before = 0.0

    def ask(self, ask: Ask, target: Path) -> Answer:
        """The answer, its body in `target`. Refusal, DataError, or Unavailable once every attempt has failed."""
        waited, number = 0.0, 1
        while True:
            try:
                return self._attempt(self.addresses.of(ask), target)
            except _Passing as exc:
                # Full jitter over the upper half: clients that failed together do not come back together.
                wait = exc.wait if exc.wait is not None else FIRST_WAIT * 2 ** (number - 1) * random.uniform(0.5, 1)
                if number == ATTEMPTS or waited + wait > MOST_WAIT:
                    tries = "one attempt" if number == 1 else f"{number} attempts"
                    asked = f", which asks to wait {exc.wait:,.0f} s" if exc.wait and number < ATTEMPTS else ""
                    raise Unavailable(
                        f"{self.addresses.shown(self.addresses.of(ask))} gives no page after {tries}",
                        found=f"{exc}{asked}",
                        action="Run it again later: the pages that came are kept, and only the others are asked for",
                    ) from None
            time.sleep(wait)
            waited, number = waited + wait, number + 1

    def _attempt(self, url: httpx.URL, target: Path) -> Answer:
        """One try, redirects followed; `_Passing` when another may go better."""
        import httpx

        for _ in range(REDIRECTS + 1):
            time.sleep(max(0.0, self._not_before - time.monotonic()))
            self._not_before = time.monotonic() + self._pause
            try:
                with self._client.stream("GET", url) as response:
                    if not response.has_redirect_location:
                        return self._received(response, target)
                    there = url.join(response.headers["location"])
            except httpx.InvalidURL:
                raise DataError(f"{self.addresses.shown(url)} redirects to what is no URL") from None
            except httpx.UnsupportedProtocol:
                raise ProjectError(f"{self.addresses.shown(url)} cannot be asked", expected="http or https") from None
            except httpx.TransportError as exc:
                # Not `from exc`: what the library says may quote a header or a URL that holds a secret.
                raise _Passing(self._veil.over(f"{type(exc).__name__}: {exc}"[:300])) from None
            url = self.addresses.redirected(there)
        raise DataError(
            f"{self.addresses.shown(url)} redirects in a circle",
            expected="rows",
            found=f"more than {REDIRECTS} redirects",
        )

    def _received(self, response: httpx.Response, target: Path) -> Answer:
        status = response.status_code
        if status in _PASSING:
            raise _Passing(f"status {status} ({self._excerpt(response)})", _asked_to_wait(response))
        if not response.is_success:
            expected, action = _REFUSALS.get(status, ("rows", "Check `url`, `params` and `paging` of the source"))
            raise Refusal(
                status,
                f"{self.addresses.shown(response.url)} refused",
                expected=expected,
                found=f"status {status} ({self._excerpt(response)})",
                action=action,
            )
        try:
            with target.open("wb") as file:
                write_inflated(_timely(response), response.headers.get("content-encoding", ""), file)
        except (Broken, TooLarge) as exc:
            raise DataError(
                f"The body of {self.addresses.shown(response.url)} cannot be read",
                expected=exc.expected,
                found=exc.found,
            ) from None
        return Answer(
            target,
            self.addresses.shown(response.url),
            response.headers.get("content-type", "").partition(";")[0].strip().lower(),
            response.charset_encoding,
            response.links.get("next", {}).get("url"),
        )

    def _excerpt(self, response: httpx.Response) -> str:
        """The beginning of what a failed answer says, on one line."""
        import httpx

        try:
            read = next(response.iter_bytes(), b"")
        except httpx.DecodingError:
            read = b""
        text = " ".join(self._veil.over(read.decode(errors="replace")).split())
        return repr(text[:200]) if text else "no text"


def _timely(response: httpx.Response) -> Iterator[bytes]:
    end = time.monotonic() + PAGE_SECONDS
    for chunk in response.iter_raw():
        if time.monotonic() > end:
            raise _Passing(f"a body that is not there after {PAGE_SECONDS:,.0f} s")
        yield chunk


def _asked_to_wait(response: httpx.Response) -> float | None:
    """The seconds of Retry-After, which is a number or a moment; None without it."""
    said = response.headers.get("retry-after", "").strip()
    if said.isdigit():
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    # A moment without a zone is said to be in UTC.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
