"""Refused requests are counted by their reasons, never stored, and never cost a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tasks.core.predictions.refusals import MAX_KINDS, OTHER, Refusals, read_refusals

NOW = datetime.now(UTC)


def test_requests_refused_for_one_reason_are_one_line(folder: Path) -> None:
    refusals, now = Refusals(folder, "aa"), datetime.now(UTC)
    for _ in range(5):
        refusals.add(422, "The field “age” is not there", "age")
    refusals.add(413, "The body is too large", None)
    refusals.flush(now + timedelta(minutes=1))
    refusals.add(422, "The field “age” is not there", "age")
    refusals.flush(now + timedelta(minutes=2))
    found = read_refusals(folder)
    assert [(record.status, record.field, record.n_requests) for record in found] == [
        (413, None, 1),
        (422, "age", 5),
        (422, "age", 1),
    ]
    assert found[0].until == found[2].since
    assert read_refusals(folder, since=now + timedelta(seconds=90)) == [found[2]]
    assert read_refusals(folder, until=(now + timedelta(seconds=30)).replace(tzinfo=None)) == found[:2]


def test_a_client_cannot_fill_the_log_with_reasons(folder: Path) -> None:
    refusals = Refusals(folder, "aa")
    for i in range(1_000):
        refusals.add(422, f"The field “{i}” is unknown" + "x" * 1_000, f"{i}" * 1_000)
    refusals.flush(NOW)
    found = read_refusals(folder)
    assert len(found) == MAX_KINDS
    assert sum(record.n_requests for record in found) == 1_000
    assert [record.n_requests for record in found if record.what == OTHER] == [1_000 - MAX_KINDS + 1]
    assert sum(path.stat().st_size for path in folder.rglob("*.jsonl")) < 100_000


def test_without_room_nothing_is_raised_and_nothing_forgotten(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    refusals = Refusals(folder, "aa")
    refusals.add(400, "The body is not JSON", None)
    refusals.flush(NOW)
    assert refusals.n_failed == 1
    folder.unlink()
    refusals.flush(NOW)
    assert [record.n_requests for record in read_refusals(folder)] == [1]


def test_a_line_that_a_kill_tore_hides_no_other(folder: Path) -> None:
    refusals = Refusals(folder, "aa")
    refusals.add(400, "The body is not JSON", None)
    refusals.flush(NOW)
    (path,) = folder.rglob("*.jsonl")
    path.write_bytes(path.read_bytes() + path.read_bytes()[:-20])
    assert len(read_refusals(folder)) == 1
