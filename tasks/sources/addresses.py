"""Which addresses one source asks: those of its own server alone, with the credentials that are kept from all others.

A redirect or a next page elsewhere is refused, so no credential and no curious request ever leaves for another host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tasks.core.errors import DataError
from tasks.sources.paging import Ask
from tasks.sources.veil import Veil

if TYPE_CHECKING:
    import httpx


class Addresses:
    """Of one source: `home` is the `url` that it says, `credentials` are parameters of the URL that hold a key."""

    def __init__(self, home: httpx.URL, credentials: Mapping[str, str], veil: Veil) -> None:
        self._home = home
        self._credentials = credentials
        self._veil = veil

    def of(self, ask: Ask) -> httpx.URL:
        """Where a page is asked for, secrets and all."""
        import httpx

        url = httpx.URL(self._veil.off(ask.url, in_url=True)) if ask.url else self._home
        params = {name: self._veil.off(value) for name, value in ask.params.items()}
        added = {**params, **self._credentials}
        # A URL that the server made stays as it is where it can: merging writes its query anew.
        return url.copy_merge_params(added) if added else url

    def own(self, url: str, beside: Ask) -> str:
        """The URL of a next page, whole, without key and secrets; DataError when it leads to another server."""
        import httpx

        try:
            url_there = self.of(beside).join(self._veil.off(url, in_url=True))
        except httpx.InvalidURL as exc:
            raise DataError(
                "The address of the next page is no URL",
                found=f"{self._veil.over(url)[:80]!r} ({self._veil.over(str(exc))})",
            ) from None
        url_there = self._at_home(url_there, "The next page")
        for name in self._credentials:
            url_there = url_there.copy_remove_param(name)
        return self._veil.over(str(url_there))

    def redirected(self, there: httpx.URL) -> httpx.URL:
        """Where an answer sends to, with the credentials; DataError when it is another server."""
        there = self._at_home(there, "The answer, a redirect,")
        return there.copy_merge_params(self._credentials) if self._credentials else there

    def shown(self, url: httpx.URL) -> str:
        """As it may be told: without its query, and without a secret."""
        return self._veil.over(str(url.copy_with(query=None, fragment=None)))

    def _at_home(self, url: httpx.URL, what: str) -> httpx.URL:
        """The URL, when it is of the source's own server; http of an https server is asked over https."""
        home = self._home
        if url.host == home.host and url.scheme == "http" and home.scheme == "https" and url.port is None:
            url = url.copy_with(scheme="https")
        upgraded = url.scheme == "https" and home.scheme == "http" and url.port is None and home.port is None
        if url.host == home.host and (upgraded or (url.scheme, url.port) == (home.scheme, home.port)):
            return url
        there = self._veil.over(f"{url.scheme}://{url.netloc.decode().rpartition('@')[2]}")
        raise DataError(
            f"{what} of {self.shown(home)} leads to another server",
            expected=f"{home.scheme}://{home.netloc.decode()}",
            found=there,
            action="It was not followed, since the credentials are for the first. If it is right, make it the `url`",
        )
