"""Who may ask: API keys, their rates, and the hosts by which a browser may have been led here."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable, Mapping

from tasks.core.clients import Client, verify
from tasks.serving.refusal import Refusal

BURST_SECONDS = 2.0
"""How long a client may go faster than its rate, after a pause."""
PUBLIC = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/"})
"""Paths that need no key: whoever watches the server has none, and the page asks for one itself."""


class Rate:
    """A token bucket: so many requests a second, and a few at once after a pause."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._tokens = self._most = max(1.0, rate * BURST_SECONDS)
        self._at = time.monotonic()

    def take(self) -> bool:
        """Whether one more request is within the rate; it is counted if so."""
        now = time.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Caller:
    """A client of a project, as this process knows it."""

    def __init__(self, client: Client, share: float) -> None:
        self.client = client
        self._rate = Rate(client.rate * share) if client.rate else None

    def take(self) -> None:
        """Count a request. Raises Refusal when there are too many."""
        if self._rate is not None and not self._rate.take():
            raise Refusal(
                429,
                "Too many requests for this API key",
                expected=f"at most {self.client.rate:g} a second",
                action="Send fewer, or have the rate of the key raised: `keepfit keys PROJECT --add NAME --rate N`.",
                headers=((b"retry-after", b"1"),),
            )


class Access:
    """The keys of one project. `share` is this process' part of each rate, where several answer."""

    def __init__(self, required: bool, share: float = 1.0) -> None:
        self.required = required
        self._share = share
        self._clients: Mapping[str, Client] = {}
        self._callers: dict[str, Caller] = {}

    def update(self, clients: Mapping[str, Client]) -> bool:
        """Take these clients from now on; whether any differs from before."""
        if clients == self._clients:
            return False
        kept = {id_: caller for id_, caller in self._callers.items() if clients.get(id_) == caller.client}
        self._clients, self._callers = clients, kept
        return True

    def caller(self, authorization: bytes | None) -> Caller | None:
        """Who asks, by the header's value; None where nobody needs to say. Raises Refusal."""
        if not self.required:
            return None
        scheme, _, token = (authorization or b"").decode("latin-1").partition(" ")
        client = verify(token.strip(), self._clients) if scheme.lower() == "bearer" else None
        if client is None:
            raise Refusal(
                401,
                "The request has no API key" if authorization is None else "The API key is not known",
                expected="the header “authorization: Bearer kf_…”",
                action="Ask whoever runs the server for a key: `keepfit keys PROJECT --add NAME`.",
                headers=((b"www-authenticate", b"Bearer"),),
            )
        if client.id not in self._callers:
            self._callers[client.id] = Caller(client, self._share)
        return self._callers[client.id]


class Hosts:
    """The names by which the server may be asked.

    On a loopback address without keys a page of any other site could, by pointing its own name at 127.0.0.1, read
    what the browser of the same machine may: so other names are refused there.
    """

    def __init__(self, bound: str, named: Iterable[str], keys_required: bool) -> None:
        self._named = {name.lower() for name in named}
        self._any = keys_required or not is_loopback(bound)

    def check(self, host: bytes | None) -> None:
        """Raises Refusal for a foreign name."""
        if self._any and not self._named:
            return
        name = (host or b"").decode("latin-1").lower()
        name = name[: name.rindex("]") + 1].strip("[]") if name.startswith("[") else name.partition(":")[0]
        if name in self._named or (not self._any and is_loopback(name)):
            return
        raise Refusal(
            421,
            "The server is not known by this name",
            expected="localhost, or a name given with --allow-host",
            found=name[:100] or "no Host header",
            action="Start the server with `keepfit serve --allow-host NAME`.",
        )


def same_origin(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse what the page of another web site has sent. Raises Refusal.

    A browser sends some kinds of bodies across sites without asking. The page could not read the answer, but its rows
    would be in the prediction log. Only browsers send the header `origin`.
    """
    given = dict(headers)
    origin, host = given.get(b"origin"), given.get(b"host", b"")
    if origin is None or origin.partition(b"://")[2].lower() == host.lower() != b"":
        return
    raise Refusal(
        403,
        "The request comes from the page of another web site",
        expected=f"the origin {host.decode('latin-1')[:100]}",
        found=origin.decode("latin-1")[:100],
        action="Send JSON, or have the site's own server ask.",
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
