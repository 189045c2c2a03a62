"""Reading a source bit by bit: no row is lost or taken twice, and nothing is dropped without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from tasks.check import check
from tasks.collect import collect
from tasks.core import collected, store
from tasks.core.errors import DataError, ProjectError, Refused
from tasks.core.expectations import RawExpectations
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.core.secrets import masked, resolved

pytestmark = pytest.mark.usefixtures("open_store")

WORLD: dict[str, list[dict[str, Any]]] = {}


class Growing(Record):
    """A table that grows, and is read from where the last reading ended; rows that say `broken` are none."""

    name: str = "orders"
    fails_at: int | None = None

    @property
    def title(self) -> str:
        return self.name

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        at = intake.position
        rows = WORLD[self.name][at if isinstance(at, int) else 0 :]
        for row in rows:
            if row["id"] == self.fails_at:
                raise ConnectionError("gone")
            if row["text"] == "broken":
                intake.reject(f"row {row['id']}", "it says that it is broken", "broken")
            else:
                yield pa.RecordBatch.from_pylist([row])
        intake.reached = len(WORLD[self.name])


def grown(ids: range, text: str = "1") -> None:
    WORLD.setdefault("orders", []).extend({"id": i, "text": text} for i in ids)


@pytest.fixture(autouse=True)
def empty_world() -> None:
    WORLD.clear()


def test_new_rows_are_lost_or_taken_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROWS_PER_PART", 10)
    monkeypatch.setattr("tasks.core.arrow.GROUP_ROWS", 5)
    grown(range(23))
    first = collect.fn(Growing())  # type: ignore[arg-type]
    grown(range(23, 37), "x")
    second = collect.fn(Growing())  # type: ignore[arg-type]
    assert store.scan(second).collect()["id"].to_list() == list(range(37))
    assert collect.fn(Growing()) == second  # type: ignore[arg-type]
    assert first.parts[:2] == second.parts[:2]
    # The same rows, read at once, are the same data set: memory of later steps holds.
    assert collect.fn(Growing(), anew=True) == second  # type: ignore[arg-type]
    assert [(column.name, column.type) for column in second.columns] == [("id", "integer"), ("text", "text")]
    assert [column.type for column in first.columns] == ["integer", "number"]


def test_the_position_is_kept_before_the_rows_are_safe() -> None:
    grown(range(5))
    with pytest.raises(ConnectionError):
        collect.fn(Growing(fails_at=3))  # type: ignore[arg-type]
    assert collected.recall(Growing(fails_at=3)) is None


def test_other_columns_slip_in() -> None:
    grown(range(3))
    collect.fn(Growing())  # type: ignore[arg-type]
    WORLD["orders"].append({"id": 1.5, "text": "x"})
    with pytest.raises(DataError, match=r"column 'id': expected int64, found double.*--recollect"):
        collect.fn(Growing())  # type: ignore[arg-type]


def test_what_was_left_out_is_not_told() -> None:
    grown(range(30))
    grown(range(30, 32), "broken")
    collect.fn(Growing())  # type: ignore[arg-type]
    grown(range(32, 33), "broken")
    dataset = collect.fn(Growing())  # type: ignore[arg-type]
    assert dataset.rejected is not None and dataset.rejected.n_rows == 3
    items = pl.read_parquet(store.path(dataset.rejected.rows))
    assert items["where"].to_list() == ["row 30", "row 31", "row 32"]
    report = check.fn(dataset, RawExpectations(limit=0.2)).report
    assert report.n_quarantined == 3 and report.rejected == dataset.rejected
    assert [(one.reason, one.n_rows) for one in report.failed] == [("it says that it is broken", 3)]
    with pytest.raises(Refused, match="it says that it is broken"):
        check.fn(dataset, RawExpectations(limit=0.05))


def test_a_secret_is_in_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    assert resolved("https://x/?key=${TOKEN}") == "https://x/?key=s3cret"
    assert masked("GET https://x/?key=s3cret failed", "${TOKEN}") == "GET https://x/?key=${TOKEN} failed"
    with pytest.raises(ProjectError, match="ABSENT"):
        resolved("${ABSENT}")
