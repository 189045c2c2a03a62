"""How a web API cuts its rows into pages: what to ask first, and what to ask after a page, or that it was the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from tasks.core.errors import DataError
from tasks.core.records import Record


class Ask(Record):
    """One request: the URL (empty: the source's own) and the parameters that are added to it."""

    url: str = ""
    params: Mapping[str, str] = {}

    def with_params(self, params: Mapping[str, str]) -> Ask:
        return Ask(url=self.url, params={**self.params, **params})


@dataclass(frozen=True)
class Seen:
    """What paging has to know of a page: its records, those before it, its body (None: no JSON), its `Link`."""

    n_records: int
    n_before: int = 0
    largest: int = 0
    """The most records that a page before it had."""
    body: JsonValue = None
    link: str | None = None


def found(body: JsonValue, path: str) -> JsonValue:
    """What lies at `path` (`meta.next`, `data.-1.id`) of the body; None when nothing is there."""
    for part in path.split("."):
        if isinstance(body, dict):
            body = body.get(part)
        elif isinstance(body, list) and part.lstrip("-").isdigit() and -len(body) <= int(part) < len(body):
            body = body[int(part)]
        else:
            return None
    return body


def _type_of(value: JsonValue) -> str:
    # Not the value: it comes from the server, and may repeat a key that it was sent.
    return "nothing" if value is None else f"a JSON {type(value).__name__}"


class Unpaged(Record):
    """Everything comes at once. Said in so many words, no `next` in the answer is wondered at."""

    kind: Literal["none"] = "none"

    def start(self) -> Ask:
        return Ask()

    def after(self, ask: Ask, seen: Seen) -> Ask | None:
        return None


class _Counted(Record):
    """Pages that are asked for by a number; they end with an empty page."""

    size: Annotated[int, Field(gt=0)] | None = None
    """Records a page, asked for by `size_param`. A page with fewer than one before it then is the last."""
    total: str | None = None
    """Where the body says how many records there are in all."""

    def _ended(self, seen: Seen) -> bool:
        if self.total is not None:
            total, so_far = found(seen.body, self.total), seen.n_before + seen.n_records
            if not isinstance(total, int):
                raise DataError(
                    f"The answer says at `{self.total}` not how many records there are",
                    expected="a whole number",
                    found=_type_of(total),
                    action="Correct `paging.total`, or leave it out",
                )
            if not seen.n_records and so_far < total:
                raise DataError(
                    "The pages ended too soon",
                    expected=f"{total:,} records, as `{self.total}` says",
                    found=f"{so_far:,}",
                    action="Try again; if it stays so, leave `paging.total` out",
                )
            return so_far >= total
        # Fewer than `size` alone is not the end: many servers give at most so many, whatever they are asked for.
        return not seen.n_records or (self.size is not None and seen.n_records < seen.largest)


class Numbered(_Counted):
    """The pages have numbers: `?page=1`, `?page=2`, … up to an empty page, a 404, or the total."""

    kind: Literal["page"] = "page"
    param: str = "page"
    first: int = 1
    size_param: str = "per_page"

    def start(self) -> Ask:
        sized = {self.size_param: str(self.size)} if self.size else {}
        return Ask(params={self.param: str(self.first), **sized})

    def after(self, ask: Ask, seen: Seen) -> Ask | None:
        return None if self._ended(seen) else ask.with_params({self.param: str(int(ask.params[self.param]) + 1)})


class Offset(_Counted):
    """A page begins behind so many records: `?offset=200&limit=100`."""

    kind: Literal["offset"] = "offset"
    param: str = "offset"
    size_param: str = "limit"

    def start(self) -> Ask:
        sized = {self.size_param: str(self.size)} if self.size else {}
        return Ask(params={self.param: "0", **sized})

    def after(self, ask: Ask, seen: Seen) -> Ask | None:
        # By what came, not by what was asked for: the server may give fewer.
        place = seen.n_before + seen.n_records
        return None if self._ended(seen) else ask.with_params({self.param: str(place)})


class Cursor(Record):
    """Each page says by what the next one is asked for; no such value, or an empty one, ends."""

    kind: Literal["cursor"] = "cursor"
    cursor: str
    """Where the body has it: `meta.next_cursor`; `data.-1.id` is the last record's `id`."""
    param: str = "cursor"

    def start(self) -> Ask:
        return Ask()

    def after(self, ask: Ask, seen: Seen) -> Ask | None:
        value = found(seen.body, self.cursor)
        if value is None or value is False or value == "":
            return None
        if not isinstance(value, (str, int)):
            raise DataError(
                f"The cursor at `{self.cursor}` is none", expected="a text or whole number", found=_type_of(value)
            )
        return ask.with_params({self.param: str(value)})


class Next(Record):
    """Each page holds the next one's URL, whole or relative; none, or an empty one, ends."""

    kind: Literal["next"] = "next"
    next: str = "next"
    """Where the body has it: `next`, `links.next`."""

    def start(self) -> Ask:
        return Ask()

    def after(self, ask: Ask, seen: Seen) -> Ask | None:
        url = found(seen.body, self.next)
        if url is None or url is False or url == "":
            return None
        if not isinstance(url, str):
            raise DataError(f"The next page's address at `{self.next}` is none", expected="a URL", found=_type_of(url))
        return Ask(url=url)


class Link(Record):
    """The header `Link: <…>; rel="next"` holds the next page's URL; none ends."""

    kind: Literal["link"] = "link"

    def start(self) -> Ask:
        return Ask()

    def after(self, ask: Ask, seen: Seen) -> Ask | None:
        return Ask(url=seen.link) if seen.link else None


Paging = Annotated[Numbered | Offset | Cursor | Next | Link | Unpaged, Field(discriminator="kind")]


def require_no_more(seen: Seen) -> None:
    """DataError when a page that was taken for everything names a next one: the rest would be missing silently."""
    for path in ("next", "links.next", "paging.next", "meta.next"):
        if isinstance(url := found(seen.body, path), str) and url:
            raise DataError(
                "The answer is one page of several",
                expected="all rows at once, since the source says no `paging`",
                found=f"the next one's address at `{path}`",
                action=f"Say `paging: {{kind: next, next: {path}}}`, or `paging: {{kind: none}}` for this page alone",
            )
    if seen.link:
        raise DataError(
            "The answer is one page of several",
            expected="all rows at once, since the source says no `paging`",
            found='a header Link with rel="next"',
            action="Say `paging: {kind: link}`, or `paging: {kind: none}` for this page alone",
        )
