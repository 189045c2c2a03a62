"""Reading a web API: no page is lost, asked twice after a break, or taken from elsewhere; no secret gets out."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from pydantic import ValidationError

from tasks.collect import collect
from tasks.core import collected, store
from tasks.core.errors import DataError, KeepfitError, ProjectError, Unavailable
from tasks.core.intake import Intake
from tasks.core.records import Dataset
from tasks.sources import inflating, requesting
from tasks.sources.http import Http
from tests.sources import api_server
from tests.sources.api_server import Api, serving, zipped

pytestmark = pytest.mark.usefixtures("open_store")

ROWS: list[dict[str, Any]] = [
    {"id": i, "at": f"2024-01-{i // 3 + 1:02d}T00:00:00Z", "size": {"w": i / 2, "tags": [1, "é"]}, "t": f"text {i}"}
    for i in range(35)
]
SECRET = "s3cr3t/+&key=="
EVERY_WAY: list[dict[str, Any]] = [
    {"url": "/all"},
    {"url": "/moved"},
    {"url": "/page", "paging": {"kind": "page"}, "records": "data.items"},
    {"url": "/page", "paging": {"kind": "page", "size": 10}},
    {"url": "/page", "paging": {"kind": "page", "total": "total"}},
    {"url": "/strict", "paging": {"kind": "page"}},
    {"url": "/offset", "paging": {"kind": "offset", "size": 50}},
    {"url": "/cursor", "paging": {"kind": "cursor", "cursor": "meta.next", "param": "after"}},
    {"url": "/last", "paging": {"kind": "cursor", "cursor": "data.-1.id", "param": "after"}},
    {"url": "/next", "paging": {"kind": "next", "next": "links.next"}},
    {"url": "/whole", "paging": {"kind": "next"}},
    {"url": "/link", "paging": {"kind": "link"}},
    {"url": "/jsonl", "paging": {"kind": "page"}, "format": "jsonl"},
]
PAGED = {"url": "/page", "paging": {"kind": "page", "total": "total"}}


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(list(ROWS)) as found:
        yield found


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requesting, "FIRST_WAIT", 0.005)


def source(api: Api, url: str = "/all", **more: Any) -> Http:
    return Http.model_validate({"url": api.url + url, **more})


def collected_from(api: Api, **said: Any) -> Dataset:
    return collect.fn(source(api, **said))


def rows_of(dataset: Dataset) -> pl.DataFrame:
    return store.scan(dataset).collect()


def failure(api: Api, kind: type[KeepfitError] = DataError, **said: Any) -> str:
    with pytest.raises(kind) as told:
        collected_from(api, **said)
    return str(told.value)


# Pages


def test_a_way_to_page_loses_rows_or_changes_them(api: Api) -> None:
    whole = collected_from(api)
    frame = rows_of(whole)
    assert frame["id"].to_list() == list(range(35))
    assert frame.columns == ["id", "at", "size.w", "size.tags", "t"]
    assert frame["size.tags"][0] == '[1, "é"]' and frame["at"].dtype == pl.Datetime("us")
    for said in EVERY_WAY:
        assert collected_from(api, **said).digest == whole.digest, said


def test_csv_pages_have_other_types_than_all_pages_together(api: Api) -> None:
    api.rows = [{"n": i if i < 33 else f"{i}.5", "day": "2024-01-01", "flag": "true", "gap": ""} for i in range(35)]
    frame = rows_of(collected_from(api, url="/csv", format="csv", paging={"kind": "page"}))
    assert frame.dtypes == [pl.Float64, pl.Date, pl.Boolean, pl.String]
    assert frame["n"].to_list() == [*range(33), 33.5, 34.5] and frame["gap"].null_count() == 35


def test_a_later_page_has_new_fields_and_wider_values(api: Api) -> None:
    api.rows = [{"i": i, "mixed": i, "nested": None} for i in range(12)]
    api.rows[11] = {"i": 1.5, "mixed": True, "late": "2024-02-30", "nested": {"x": 2**70}}
    frame = rows_of(collected_from(api, **PAGED))
    assert frame.schema == {"i": pl.Float64, "mixed": pl.String, "late": pl.String, "nested.x": pl.String}
    assert frame["mixed"].to_list()[-2:] == ["10", "true"] and frame["late"].null_count() == 11
    assert frame["nested.x"][-1] == str(2**70)


def test_a_page_that_is_not_all_is_taken_for_all(api: Api) -> None:
    assert "{kind: next, next: links.next}" in failure(api, url="/next")
    assert "{kind: link}" in failure(api, url="/link")
    assert collected_from(api, url="/link", paging={"kind": "none"}).n_rows == 10


def test_a_server_that_goes_round_in_a_circle_is_read_for_ever(api: Api) -> None:
    assert "same 35 records" in failure(api, paging={"kind": "page"})
    for n, url in enumerate(("/next?again", "next")):
        body = json.dumps({"next": url, "data": [{"id": n}]}).encode()
        api.always["/next"] = api_server.gives(body)
        assert "circle" in failure(api, url="/next", paging={"kind": "next"})
    cursor = {"kind": "cursor", "cursor": "c", "param": "after"}
    numbers = iter(range(100))
    api.always["/cursor"] = lambda handler: handler.give_json({"c": "same", "data": [{"id": next(numbers)}]})
    assert "a page before it as the next one" in failure(api, url="/cursor", paging=cursor)
    assert "at most 3 pages" in failure(api, **PAGED, max_pages=3)


def test_pages_end_before_the_total(api: Api) -> None:
    api.always["/page"] = lambda handler: handler.give_json({"total": 9, "items": []})
    assert "expected 9 records" in failure(api, **PAGED)
    assert "paging.total" in failure(api, url="/page", paging={"kind": "page", "total": "totl"})


def test_records_are_looked_for_in_the_wrong_place(api: Api) -> None:
    assert "data.items" in failure(api, **PAGED, records="data.itmes")
    for body, told in (
        ({"a": [{"x": 1}], "b": [{"y": 1}]}, "lists at 'a', 'b'"),
        ({"error": "not today"}, "not today"),
        ({"a": {"1": {"x": 1}}}, "one list of objects"),
    ):
        api.faults = [api_server.gives(json.dumps(body).encode())]
        assert told in failure(api)
    api.faults = [api_server.gives(b'{"rows": null}')]
    assert "no rows" in failure(api, records="rows")


def test_what_is_no_record_is_dropped_silently(api: Api) -> None:
    api.rows = [{"x": 1}, 7, {"a.b": 1, "a": {"b": 2}}, {"x": float("nan")}]
    dataset = collected_from(api)
    assert rows_of(dataset)["x"].to_list() == [1, None]
    assert dataset.rejected is not None and dataset.rejected.n_rows == 2
    assert "it is no JSON object" in dict(dataset.rejected.reasons)
    api.always["/jsonl"] = api_server.gives(b'{"x": 1}\n{"x": \n{"x": 3}\n')
    dataset = collected_from(api, url="/jsonl", format="jsonl")
    assert dataset.n_rows == 2 and dataset.rejected is not None
    api.always["/csv"] = api_server.gives(b"a,b\n1,2\n3\n4,5\n", kind="text/csv")
    dataset = collected_from(api, url="/csv", format="csv")
    assert dataset.n_rows == 2 and dataset.rejected is not None


def test_a_csv_text_is_read_otherwise_than_it_was_written(api: Api) -> None:
    for body, rows in (
        ("\ufeffa;b,c\n1;x\n".encode(), [(1, "x")]),
        ('"a,a"\tb\n"line\nend"\t"q""q"\n'.encode("utf-16"), [("line\nend", 'q"q')]),
        (b"a,\r\n\r\n007,2024-01-01 10:00:00+02:00\r\n", [(7, datetime(2024, 1, 1, 8))]),  # noqa: DTZ001
    ):
        api.faults = [api_server.gives(body, kind="text/csv")]
        assert rows_of(collected_from(api, format="csv")).rows() == rows
    api.faults = [api_server.gives(b"a,a\n1,2\n", kind="text/csv")]
    assert "columns of the same name" in failure(api, format="csv")
    api.faults = [api_server.gives(b"a,b\n1,\xff\n", kind="text/csv; charset=utf-8")]
    assert "not text in utf-8" in failure(api, format="csv")
    api.faults = [api_server.gives(b"", kind="text/csv")]
    assert "no rows" in failure(api, format="csv")


# What comes instead of rows


def test_something_else_than_rows_is_a_traceback(api: Api) -> None:
    login = b"<!DOCTYPE html><title>Please log in</title>"
    for body, headers, told in (
        (login, {"kind": "text/html"}, "Please log in"),
        (login, {}, "Please log in"),
        (b'{"a": [{"x": 1', {}, "It is no JSON"),
        ('[{"x": "Größe"}]'.encode("latin-1"), {}, "not text in utf-8"),
        (b'[{"x": 1}]', {"kind": "application/json; charset=klingon"}, "klingon"),
        (b'[{"x": "\xff"}]', {"kind": "application/json; charset=utf-8"}, "encoding"),
        (b"[" * 100_000, {}, "It is no JSON"),
        (b"no gzip at all", {"Content_Encoding": "gzip"}, "no gzip at all"),
        (zipped(b'[{"x": 1}]' * 1000)[:-9], {"Content_Encoding": "gzip"}, "ends before"),
        (b"[]", {"Content_Encoding": "br"}, "'br'"),
    ):
        api.faults = [api_server.gives(body, **headers)]
        assert told in failure(api), body[:40]
    api.faults = [api_server.gives(login, kind="text/html")]
    assert "Please log in" in failure(api, url="/csv", format="csv")
    api.faults = [api_server.gives('[{"x": "Größe"}]'.encode("latin-1"))]
    assert rows_of(collected_from(api, encoding="latin-1"))["x"].to_list() == ["Größe"]


def test_compressed_pages_are_not_read_or_fill_the_disk(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps(ROWS).encode()
    api.faults = [api_server.gives(gzip.compress(body[:99]) + gzip.compress(body[99:]), Content_Encoding="gzip")]
    assert collected_from(api).n_rows == 35
    monkeypatch.setattr(inflating, "MOST_BYTES", 5 << 20)
    api.faults = [api_server.gives(zipped(b" " * (100 << 20)), Content_Encoding="gzip")]
    assert "at most 5 MB a page" in failure(api)
    assert sum(file.stat().st_size for file in store.home().rglob("*") if file.is_file()) < 8 << 20


def test_a_refusal_is_asked_again_or_not_explained(api: Api) -> None:
    for code, told in ((401, "auth"), (403, "leave"), (404, "Check `url`"), (422, "status 422 ('no such field')")):
        api.asked.clear()
        api.faults = [api_server.status(code, b"no such  field")]
        assert told in failure(api)
        assert api.asked.total() == 1


# What passes


def test_a_failure_that_passes_ends_the_reading(api: Api) -> None:
    whole = collected_from(api)
    passing = [
        api_server.status(429, Retry_After="0"),
        api_server.later(),
        api_server.hangs_up,
        api_server.status(500),
        api_server.breaks,
    ]
    api.faults = [None, *passing, None, *passing]
    assert collected_from(api, **PAGED).digest == whole.digest
    assert sorted(api.asked.values()) == [1, 1, 1, 6, 6]


def test_a_server_that_asks_to_wait_for_an_hour_is_waited_for(api: Api) -> None:
    api.faults = [api_server.status(429, b"slow down", Retry_After="3600")]
    assert "asks to wait 3,600 s" in failure(api, Unavailable)
    assert api.asked.total() == 1


def test_a_server_that_never_finishes_holds_the_run(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requesting, "ATTEMPTS", 2)
    monkeypatch.setattr(requesting, "PAGE_SECONDS", 0.1)
    api.always["/all"] = api_server.trickles
    assert "a body that is not there" in failure(api, Unavailable)
    api.always["/all"] = api_server.sleeps
    assert "ReadTimeout" in failure(api, Unavailable, timeout=0.1)


def test_a_body_shorter_than_it_says_is_taken_for_whole(api: Api) -> None:
    api.always["/all"] = api_server.breaks
    assert "RemoteProtocolError" in failure(api, Unavailable)


# Going on


def test_after_a_failure_pages_are_asked_for_again(api: Api) -> None:
    whole = collected_from(api)
    api.asked.clear()
    api.faults = [None, None, *[api_server.status(503)] * requesting.ATTEMPTS]
    assert "kept" in failure(api, Unavailable, **PAGED)
    assert collected_from(api, **PAGED).digest == whole.digest
    assert sorted(api.asked.values()) == [1, 1, 1, requesting.ATTEMPTS + 1]
    # All is safe now: nothing is left, and the next reading sees what the server has then.
    api.rows = api.rows[:5]
    assert collected_from(api, **PAGED).n_rows == 5


@pytest.mark.slow
def test_after_a_kill_pages_are_asked_for_again_or_lost(api: Api) -> None:
    whole = collected_from(api)
    api.asked.clear()
    api.slow_from = 3
    said = source(api, **PAGED)
    script = f"""
from pathlib import Path
from tasks.collect import collect
from tasks.core import store
from tasks.sources.http import Http
with store.opened(Path({str(store.home())!r})):
    collect.fn(Http.model_validate_json({said.model_dump_json()!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    try:
        while len(list(collected.folder(said).glob("*.json"))) < 2 or len(api.asked) < 3:
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    api.slow_from = None
    assert collect.fn(said).digest == whole.digest
    assert sorted(api.asked.values()) == [1, 1, 1, 2]
    assert not list(collected.folder(said).iterdir())


def test_damaged_or_old_pages_are_taken_for_good(api: Api) -> None:
    whole = collected_from(api)
    said = source(api, **PAGED)
    for damage in ("cut", "old", "broken"):
        api.faults = [None, None, *[api_server.hangs_up] * requesting.ATTEMPTS]
        failure(api, Unavailable, **PAGED)
        folder = collected.folder(said)
        api.asked.clear()
        if damage == "cut":
            (folder / "00000002.rows").write_bytes(b"{}\n")
        elif damage == "broken":
            (folder / "00000002.json").write_bytes(b"{")
        else:
            os.utime(folder / "00000001.json", (0, 0))
        assert collect.fn(said).digest == whole.digest
        assert api.asked.total() == (4 if damage == "old" else 3)


def test_rows_that_cannot_be_stay_on_disk_after_they_were_mended(api: Api) -> None:
    since = {"since": {"param": "updated_after", "column": "updated"}}
    assert "'updated'" in failure(api, url="/since", **since)
    api.rows = [{"at": "2024", "updated": 1}]
    assert collected_from(api, url="/since", **since).n_rows == 1


# Only what is new


@pytest.mark.parametrize("url", ["/since", "/behind", "/all"])
def test_rows_at_the_boundary_are_taken_twice_or_lost(api: Api, url: str) -> None:
    said = source(api, url=url, since={"param": "updated_after", "column": "at"})
    api.rows = [*ROWS[:19], ROWS[18]]  # two equal rows at the highest value
    assert collect.fn(said).n_rows == 20
    if url != "/behind":  # a server that leaves out what is at the value can be asked for later ones alone
        api.rows.append(ROWS[19])
    api.rows += ROWS[21:30]
    expected = [row["id"] for row in api.rows]
    grown = collect.fn(said)
    assert sorted(rows_of(grown)["id"]) == sorted(expected)
    assert [note.n_rows for note in grown.notes] == ([18] if url == "/all" else [])
    assert collect.fn(said) == grown, "without a new row all that follows is done again"
    asked = [path for path in api.asked if "updated_after" in path]
    assert asked == [f"{url}?updated_after=2024-01-{day}T00%3A00%3A00Z" for day in ("07", "10")]
    assert collect.fn(said, anew=True).n_rows == len(expected)


def test_pages_of_an_earlier_position_are_taken_for_new_ones(api: Api) -> None:
    said = source(api, url="/since", since={"param": "updated_after", "column": "at"})
    folder = store.home() / "spool"
    folder.mkdir()
    intake = Intake(folder=folder)
    assert sum(batch.num_rows for batch in said.batches(intake)) == 35
    # A kill after the position was kept, before the folder was emptied.
    then = Intake(intake.reached, schema_of(said), folder)
    api.rows.append({**ROWS[0], "id": 99, "at": "2024-02-01T00:00:00Z"})
    assert [batch["id"].to_pylist() for batch in said.batches(then)] == [[99]]


def schema_of(said: Http) -> pa.Schema:
    return next(iter(said.batches(Intake()))).schema


def test_new_rows_have_other_columns(api: Api) -> None:
    said = source(api, url="/since", since={"param": "updated_after", "column": "id"})
    api.always["/since"] = lambda handler: handler.give_json(api.rows)
    api.rows = [{"id": 1, "x": 1, "y": "a"}]
    collect.fn(said)
    api.rows = [{"id": 2, "x": 2.5}]
    with pytest.raises(DataError, match=r"column 'x': expected int64, found double.*--recollect"):
        collect.fn(said)
    api.rows = [{"id": 2, "x": 2, "z": 1}]
    with pytest.raises(DataError, match=r"column 'z': expected no such column.*--recollect"):
        collect.fn(said)
    api.rows = [{"id": 2, "y": 5, "z": None}, {"id": None, "x": 1}]
    dataset = collect.fn(said)
    assert rows_of(dataset).rows() == [(1, 1, "a"), (2, None, "5")]
    assert dataset.rejected is not None and "no id" in dataset.rejected.reasons[0][0]


# Secrets


AUTHS: list[dict[str, Any]] = [
    {"auth": {"kind": "bearer", "token": "${KEY}"}},
    {"auth": {"kind": "basic", "user": "me", "password": "${KEY}"}},
    {"auth": {"kind": "header", "value": "${KEY}"}},
    {"auth": {"kind": "query", "name": "key", "value": "${KEY}"}},
    {"headers": {"x-api-key": "${KEY}"}},
    {"params": {"key": "${KEY}"}},
]


@pytest.mark.parametrize("auth", AUTHS, ids=lambda auth: json.dumps(auth))
def test_a_secret_gets_out(
    api: Api, auth: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    pair = base64.b64encode(f"me:{SECRET}".encode()).decode()
    accepted = {"bearer": f"Bearer {SECRET}", "basic": f"Basic {pair}"}
    api.key = accepted.get(auth.get("auth", {}).get("kind"), SECRET)
    said: dict[str, Any] = {"url": "/next", "paging": {"kind": "next", "next": "links.next"}, **auth}
    echo = f"wrong: {api.key} {SECRET}".encode()
    told: list[str] = []

    def failing(kind: type[KeepfitError]) -> None:
        with pytest.raises(kind) as exc:
            collected_from(api, **said)
        told.extend(traceback.format_exception(exc.value))

    api.faults = [None, None, *[api_server.status(503, echo)] * requesting.ATTEMPTS]
    failing(Unavailable)
    on_disk = {file: file.read_bytes() for file in store.home().rglob("*") if file.is_file()}
    assert len(on_disk) >= 4
    for fault in (api_server.status(403, echo), api_server.gives(b"no JSON: " + echo), api_server.gives(b"<" + echo)):
        api.faults = [fault]
        failing(DataError)
    api.faults = [api_server.to(f"http://127.0.0.2:1/?key={SECRET}")]
    failing(DataError)
    assert collected_from(api, **said).n_rows == 35  # with the key on each page
    assert api.asked.total() == 2 + requesting.ATTEMPTS + 4 + 2
    on_disk |= {file: file.read_bytes() for file in store.home().rglob("*") if file.is_file()}
    everything = [*told, caplog.text, *(data.decode(errors="replace") for data in on_disk.values())]
    assert "HTTP Request" in caplog.text
    forms = ("s3cr3t", pair)
    assert not [text for text in everything for form in forms if form in text]


def test_a_server_asks_for_other_variables(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "0ther")
    body = json.dumps({"next": "/whole?from=30&x=${OTHER}", "results": [{"id": 1}]}).encode()
    api.faults = [api_server.gives(body)]
    collected_from(api, url="/whole", paging={"kind": "next"})
    assert len(api.asked) == 2 and not [path for path in api.asked if "0ther" in path]


def test_credentials_leave_for_another_server(api: Api) -> None:
    auth = {"kind": "bearer", "token": "x" * 20}
    with serving(list(ROWS)) as other:
        for there in (
            f"{other.url}/all",
            other.url.replace("127.0.0.1", "localhost"),
            f"https{api.url[4:]}/all",
            "//x/y",
        ):
            api.faults = [api_server.to(there)]
            assert "another server" in failure(api, auth=auth)
            api.faults = [api_server.gives(json.dumps({"next": there, "data": [{"id": 1}]}).encode())]
            assert "another server" in failure(api, paging={"kind": "next"}, auth=auth)
        assert not other.asked
    api.faults = [api_server.to("/all")] * 9
    assert "more than 5 redirects" in failure(api)
    api.faults = [api_server.to("file:///etc/passwd")]
    assert "another server" in failure(api)


def test_a_source_that_cannot_be_is_found_out_by_the_server(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for said, told in (
        ({"url": "ftp://x/y"}, "https://"),
        ({"url": "https://me:pw@x/y"}, "auth"),
        ({"url": "https://x", "format": "csv", "paging": {"kind": "next"}}, "format: json"),
        ({"url": "https://x", "format": "jsonl", "records": "a"}, "format: json"),
        ({"url": "https://x", "paging": {"kind": "pages"}}, "pages"),
        ({"url": "https://x", "timeout": 0}, "greater than 0"),
    ):
        with pytest.raises(ValidationError, match=told):
            Http.model_validate(said)
    monkeypatch.setenv("KEY", "line end\n")
    with pytest.raises(ProjectError, match="Authorization cannot be sent") as exc:
        collected_from(api, auth={"kind": "bearer", "token": "${KEY}"})
    assert "line end\n" not in "".join(traceback.format_exception(exc.value))
    monkeypatch.setenv("BASE", "file:///etc")
    with pytest.raises(ProjectError, match=r"\$\{BASE\}/x cannot be asked"):
        collect.fn(Http(url="${BASE}/x"))
    assert not api.asked


def test_params_and_pace_are_not_what_was_said(api: Api) -> None:
    said = source(api, **PAGED, params={"q": "a b&c", "deep": True, "n": 3}, requests_per_second=1000)
    collect.fn(said)
    assert sum("q=a+b%26c" in path and "deep=true" in path and "n=3" in path for path in api.asked) == 4
    assert said.title == f"{api.url[7:]}/page"
