"""Rows from a web API, page by page. What came lies on disk until it is safe: a broken reading goes on where it broke.

First every page is fetched into the intake's folder; then the types are known of all values, and the rows are given
out from there, so memory does not grow with the number of pages.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from tasks.core import progress, secrets
from tasks.core.errors import DataError, ProjectError
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.sources.addresses import Addresses
from tasks.sources.bodies import Format, Misfit, records
from tasks.sources.boundary import Boundary, Since, require_column
from tasks.sources.credentials import Auth, require_sendable
from tasks.sources.paging import Ask, Cursor, Link, Next, Numbered, Paging, Seen, Unpaged, require_no_more
from tasks.sources.proven_types import batch, kind_of, kind_of_cell, reader, schema_of
from tasks.sources.requesting import CONNECT_SECONDS, Answer, Refusal, Session
from tasks.sources.spool import Page, Spool
from tasks.sources.veil import Veil, veiled_logs

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

BATCH_ROWS = 8192


class Http(Record):
    """A JSON, JSON lines or CSV answer of a web API, in one or many pages."""

    kind: Literal["http"] = "http"
    url: str
    params: Mapping[str, str | int | float | bool] = {}
    headers: Mapping[str, str] = {}
    auth: Auth | None = None
    format: Format = "json"
    records: str | None = None
    """Where in a JSON body the list of records is, as `data.items`; found out when there is one list of objects."""
    paging: Paging | None = None
    since: Since | None = None
    encoding: str | None = None
    """As the answer's header says, or UTF-8, when not said."""
    timeout: Annotated[float, Field(gt=0)] = 60.0
    """Seconds without a byte after which an attempt is given up."""
    requests_per_second: Annotated[float, Field(gt=0)] | None = None
    max_pages: Annotated[int, Field(gt=0)] = 10_000
    """A reading with more pages is taken for one that never ends."""

    @model_validator(mode="after")
    def _can_be(self) -> Http:
        parts = urlsplit(self.url)
        if parts.scheme.lower() not in ("http", "https", "") or not (parts.scheme or self.url.startswith("${")):
            raise ValueError("a URL that starts with https:// or http://")
        if "@" in parts.netloc:
            raise ValueError("no user or password in `url`: say `auth: {kind: basic, user: …, password: …}`")
        needs_body = isinstance(self.paging, (Cursor, Next)) or getattr(self.paging, "total", None)
        if self.format != "json" and (needs_body or self.records):
            raise ValueError(f"`format: json`: a {self.format} body has no place for `records`, a cursor or a total")
        return self

    @property
    def title(self) -> str:
        return self.url.partition("?")[0].partition("://")[2] or self.url.partition("?")[0]

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows in order, as batches of one schema; Unavailable when a page does not come, the others are kept."""
        with _folder(intake) as folder:
            spool = Spool(folder, self._first(intake))
            veil = Veil(self.model_dump_json(), self.auth)
            with veiled_logs(veil), self._client() as client:
                self._fetch(Session(client, self._addresses(veil), veil, self.requests_per_second), spool, veil)
            try:
                yield from self._given_out(spool, intake)
            except DataError:
                # All is here, and it cannot be rows: the next reading must see whether the server has mended them.
                spool.clear()
                raise

    def _first(self, intake: Intake) -> Ask:
        own = {
            name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in self.params.items()
        }
        ask = (self.paging or Unpaged()).start().with_params(own)
        since = self.since.value(intake.position) if self.since else None
        return ask.with_params({self.since.param: since}) if self.since and since is not None else ask

    def _addresses(self, veil: Veil) -> Addresses:
        import httpx

        try:
            url = httpx.URL(secrets.resolved(self.url))
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            expected = "https:// or http:// and a host, without user and password"
            raise ProjectError(f"The url {self.url} cannot be asked", expected=expected)
        return Addresses(url, self.auth.params() if self.auth else {}, veil)

    def _client(self) -> httpx.Client:
        import httpx

        accepted = {"json": "application/json", "csv": "text/csv", "jsonl": "application/x-ndjson"}[self.format]
        headers = {"Accept": f"{accepted}, */*;q=0.5", "Accept-Encoding": "gzip", "User-Agent": "keepfit"}
        said = {name: secrets.resolved(value) for name, value in self.headers.items()}
        sent = said | (self.auth.headers() if self.auth else {})
        require_sendable(sent)
        merged = httpx.Headers(headers)
        merged.update(sent)  # whatever their case
        return httpx.Client(headers=merged, timeout=httpx.Timeout(self.timeout, connect=CONNECT_SECONDS))

    def _fetch(self, session: Session, spool: Spool, veil: Veil) -> None:
        """Ask for every page that the spool does not have yet."""
        paging = self.paging or Unpaged()
        while (ask := spool.next) is not None:
            if spool.n_pages == self.max_pages:
                raise DataError(
                    f"{self.title} does not end",
                    expected=f"at most {self.max_pages:,} pages",
                    found="one more",
                    action="Correct `paging`, or say a higher `max_pages`",
                )
            try:
                answer = session.ask(ask, spool.incoming)
            except Refusal as exc:
                # To be asked for a page behind the last is an error to some servers.
                if exc.status == 404 and spool.n_pages and isinstance(paging, Numbered):
                    return
                raise
            page = self._page(ask, answer, session, spool, veil)
            self._require_progress(page, spool)
            spool.commit(page)
            progress.advance("collect", f"page {spool.n_pages:,}, {spool.n_records:,} records", spool.n_pages)

    def _page(self, ask: Ask, answer: Answer, session: Session, spool: Spool, veil: Veil) -> Page:
        """The answer's rows, written down, and what is to be asked after them."""
        content = records(answer, self.format, self.records or spool.path, self.encoding, veil)
        page = spool.put(content.rows, kind_of_cell if self.format == "csv" else kind_of)
        seen = Seen(page.n_records, spool.n_records, spool.largest, content.body, answer.link)
        if self.paging is None:
            require_no_more(seen)
        then = (self.paging or Unpaged()).after(ask, seen)
        # What the server says may repeat a key that it was sent, and is written down.
        if then is not None and isinstance(self.paging, (Next, Link)):
            then = Ask(url=session.addresses.own(then.url, ask))
        elif then is not None and isinstance(self.paging, Cursor):
            then = then.with_params({self.paging.param: veil.over(then.params[self.paging.param])})
        return page.model_copy(update={"next": then, "path": content.path})

    def _require_progress(self, page: Page, spool: Spool) -> None:
        """DataError when the pages go round in a circle."""
        number = spool.n_pages + 1
        if page.n_records and page.digest in spool.digests:
            found = f"page {number:,} with the same {page.n_records:,} records as one before it"
        elif page.next is not None and page.next.model_dump_json() in {*spool.asked, page.ask.model_dump_json()}:
            found = f"page {number:,} with a page before it as the next one"
        else:
            return
        raise DataError(
            f"{self.title} goes round in a circle",
            expected="other records on each page",
            found=found,
            action="Correct `paging`: the server may not know the parameter that it names",
        )

    def _given_out(self, spool: Spool, intake: Intake) -> Iterator[pa.RecordBatch]:
        if not spool.n_records:
            intake.reached = intake.position
            return
        schema = schema_of(spool.kinds, intake.schema, self.title)
        boundary: Boundary | None = None
        if self.since:
            require_column(self.since, schema.names, self.title)
            read = reader(schema.field(self.since.column).type)
            boundary = Boundary(self.since, intake.position, read, self.title)
        rows: list[Mapping[str, Any]] = []
        for number, row in spool.rows():
            if isinstance(row, Misfit):
                intake.reject(f"page {number}, record {row.number}", row.reason, row.content)
            elif self.since and row.get(self.since.column) is None:
                reason = f"it has no {self.since.column}, by which the next reading goes on"
                intake.reject(f"page {number}", reason, str(row))
            elif boundary is None or boundary.is_new(row):
                rows.append(row)
            if len(rows) == BATCH_ROWS:
                yield batch(rows, schema)
                rows = []
        if rows:
            yield batch(rows, schema)
        if boundary is not None:
            intake.reached = boundary.position
            if self.since and boundary.n_below:
                text = f"came again below the value asked for with {self.since.param}, taken as known"
                intake.note("duplicates", text, boundary.n_below)


@contextmanager
def _folder(intake: Intake) -> Iterator[Path]:
    if intake.folder is not None:
        yield intake.folder
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
