"""Outcomes that come twice, late, corrected or wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from pydantic import ValidationError

from tasks.core import outcomes
from tasks.core.errors import DataError
from tasks.core.outcomes import Outcome

pytestmark = pytest.mark.usefixtures("database_url")

MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)


def predictions(*rows: tuple[str | None, str | None]) -> pa.Table:
    ids, keys = zip(*rows, strict=True)
    return pa.table({"__id__": pa.array(ids, pa.string()), "__key__": pa.array(keys, pa.string())})


def found(*rows: tuple[str | None, str | None]) -> list[str | None]:
    return outcomes.joined(predictions(*rows), "ship")["__outcome__"].to_pylist()


def test_what_is_sent_again_is_counted_twice() -> None:
    rows = [Outcome(id="a", outcome="yes"), Outcome(key="k", outcome=2.5, at=MONDAY), Outcome(id="a", outcome="yes")]
    assert outcomes.add("ship", rows) == (2, 1)
    assert outcomes.add("ship", rows) == (0, 3)
    assert outcomes.add("boat", rows) == (2, 1)
    assert outcomes.read("ship").num_rows == 2


def test_an_older_outcome_wins_over_its_correction() -> None:
    for value in ("yes", "no", "yes", "yes"):
        outcomes.add("ship", [Outcome(id="a", outcome=value)])
    assert outcomes.read("ship")["outcome"].to_pylist() == ["yes", "no", "yes"] and found(("a", None)) == ["yes"]
    later = MONDAY + timedelta(days=1)
    outcomes.add("ship", [Outcome(id="b", outcome=2, at=later), Outcome(id="b", outcome=1, at=MONDAY)])
    assert found(("b", None)) == ["2"]
    # A retry of the first, after the correction, is no correction of that.
    assert outcomes.add("ship", [Outcome(id="b", outcome=1, at=MONDAY)]) == (0, 1)
    # Two at the same moment: the one that was told last.
    assert outcomes.add("ship", [Outcome(id="b", outcome=9, at=later), Outcome(id="b", outcome=3, at=later)]) == (2, 0)
    assert found(("b", None)) == ["3"]


def test_an_outcome_is_joined_to_another_prediction() -> None:
    outcomes.add("ship", [Outcome(id="a", outcome="by id"), Outcome(key="a", outcome="by key", at=MONDAY)])
    outcomes.add("boat", [Outcome(id="z", outcome="of another project")])
    rows = [("a", "a"), ("b", "a"), ("a", None), ("b", None), (None, "a"), ("z", "z"), (None, None)]
    assert found(*rows) == ["by id", "by key", "by id", None, "by key", None, None]
    table = outcomes.joined(predictions(*rows), "ship")
    assert table.column_names == ["__id__", "__key__", "__outcome__", "__outcome_at__"]
    assert table["__outcome_at__"].to_pylist()[1] == MONDAY and table["__id__"].to_pylist() == [row[0] for row in rows]
    alone = outcomes.joined(predictions(*rows).select(["__key__"]), "ship")
    assert alone["__outcome__"].to_pylist()[1] == "by key"
    assert outcomes.joined(predictions(*rows)[:0], "ship").schema == table.schema


def test_a_class_that_was_sent_as_a_number_is_another_class() -> None:
    sent = [1, 1.0, "1", 0.1, True, "true", "ä 50 %", 10**20, 1e300]
    outcomes.add("ship", [Outcome(id=str(n), outcome=value) for n, value in enumerate(sent)])
    told = found(*((str(n), None) for n in range(len(sent))))
    assert told[:7] == ["1", "1", "1", "0.1", "true", "true", "ä 50 %"]
    assert [float(str(text)) for text in told[7:]] == [1e20, 1e300]


def test_a_moment_is_read_in_another_zone() -> None:
    tokyo = datetime(2026, 1, 5, 21, tzinfo=timezone(timedelta(hours=9)))
    naive = MONDAY.replace(tzinfo=None)
    assert outcomes.add("ship", [Outcome(id="a", outcome=1, at=at) for at in (tokyo, MONDAY, naive)]) == (1, 2)
    outcomes.add("ship", [Outcome(key="b", outcome=2, at=MONDAY + timedelta(hours=1))])
    table = outcomes.read("ship")
    assert table["at"].to_pylist() == [MONDAY, MONDAY + timedelta(hours=1)]
    assert table.select(["id", "key"]).to_pylist() == [{"id": "a", "key": None}, {"id": None, "key": "b"}]
    assert outcomes.read("ship", since=MONDAY, until=MONDAY + timedelta(hours=1))["id"].to_pylist() == ["a"]
    assert outcomes.read("ship", since=naive + timedelta(minutes=1))["key"].to_pylist() == ["b"]
    assert outcomes.read("ship", until=MONDAY).schema == table.schema


def test_one_wrong_outcome_leaves_the_others_half_written() -> None:
    good = Outcome(id="a", outcome=1)
    for wrong, message in (
        (Outcome(outcome=1), "Outcome 1 .*found neither"),
        (Outcome(id="a", key="b", outcome=1), "Outcome 1 .*found prediction 'a' and key 'b'"),
        (Outcome(key="", outcome=1), "Outcome 1"),
        (Outcome(key="k" * 401, outcome=1), "up to 400 signs"),
        (Outcome(key="nul\0", outcome=1), "Outcome 1"),
        *((Outcome(id="a", outcome=x), "cannot be kept") for x in (float("nan"), 10**400, "nul\0", "half \ud800")),
    ):
        with pytest.raises(DataError, match=message):
            outcomes.add("ship", [good, wrong])
    assert outcomes.read("ship").num_rows == 0
    for nothing in (None, [], {}):
        with pytest.raises(ValidationError):
            Outcome(id="a", outcome=nothing)  # type: ignore[arg-type]


def test_the_same_rows_sent_at_once_are_new_twice() -> None:
    rows = [Outcome(id=str(n), outcome=n) for n in range(200)]
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(copy_context().run, outcomes.add, "ship", rows) for _ in range(4)]
        assert sorted(call.result() for call in calls) == [(0, 200), (0, 200), (0, 200), (200, 0)]


def test_ten_thousand_are_asked_in_one_question_that_is_too_long() -> None:
    rows = [Outcome(id=f"id-{n}", outcome=n % 3) for n in range(10_000)]
    assert outcomes.add("ship", rows) == (10_000, 0)
    assert outcomes.add("ship", rows) == (0, 10_000)
    assert found(*((f"id-{n}", None) for n in range(10_000)))[-1] == "0"
