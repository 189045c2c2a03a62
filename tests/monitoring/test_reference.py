"""A reference travels as bytes, is small, and is made of whatever columns there are."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest

from tasks.core.errors import DataError
from tasks.monitoring.daily import daily
from tasks.monitoring.judging import judge
from tasks.monitoring.least import least_detectable
from tasks.monitoring.profile import from_bytes, to_bytes
from tasks.monitoring.reference import Reference


def mixed(n_days: int, n_rows: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    n = n_days * n_rows
    columns = {f"n{i}": pa.array(rng.normal(size=n)) for i in range(12)}
    columns |= {f"c{i}": pa.array(rng.choice([f"level {j}" for j in range(2 + 6 * i)], n)) for i in range(8)}
    moments = np.repeat(np.arange(n_days), n_rows) * 86_400_000_000
    return pa.table({**columns, "__time__": pa.array(moments, pa.timestamp("us"))})


def kinds(table: pa.Table) -> dict[str, str]:
    return {name: "number" if name[0] == "n" else "category" for name in table.column_names if name != "__time__"}


def test_twenty_columns_and_ninety_days_stay_under_a_megabyte_and_come_back_equal() -> None:
    table = mixed(90, 200)
    reference = Reference.build(table.to_batches, kinds(table))
    content = to_bytes(reference)
    assert len(content) < 1_000_000
    assert from_bytes(content) == reference
    assert to_bytes(from_bytes(content)) == content


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x04K\x01.", b"keepfit reference 1\n", b"x" * 3_000])
def test_foreign_bytes_are_refused_in_words(content: bytes) -> None:
    with pytest.raises(DataError, match="expected the bytes of a keepfit reference"):
        from_bytes(content)


def test_damaged_bytes_are_refused_in_words() -> None:
    table = mixed(3, 50)
    content = bytearray(to_bytes(Reference.build(table.to_batches, kinds(table))))
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 200).tolist():
        spoilt = content.copy()
        spoilt[place] ^= 0xFF
        try:
            from_bytes(bytes(spoilt[: max(place, 30)]))
        except DataError:
            continue
        raise AssertionError("half a profile was read")


def odd_columns(n_rows: int) -> pa.RecordBatch:
    rng = np.random.default_rng(7)
    return pa.record_batch(
        {
            "constant": np.full(n_rows, 3.0),
            "missing": np.full(n_rows, np.nan),
            "infinite": np.where(rng.random(n_rows) < 0.3, np.inf, -np.inf),
            "tied": np.round(rng.normal(size=n_rows)),
            "huge": rng.uniform(-1, 1, n_rows) * 1.7e308,
            "one level": pa.array(["a"] * n_rows),
            "no level": pa.array([None] * n_rows, pa.string()),
        }
    )


ODD = dict.fromkeys(("constant", "missing", "infinite", "tied", "huge"), "number") | dict.fromkeys(
    ("one level", "no level"), "category"
)


@pytest.mark.parametrize("n_days", [0, 1, 15, 40])
@pytest.mark.parametrize("n_rows", [0, 1, 400])
def test_odd_columns_and_windows_of_any_size_are_judged_without_drift(n_days: int, n_rows: int) -> None:
    rows = [odd_columns(400).append_column("__time__", pa.array([day] * 400, pa.date32())) for day in range(n_days)]
    start = [odd_columns(0).append_column("__time__", pa.array([], pa.date32()))]
    reference = Reference.build(lambda: [*start, *rows], ODD)
    assert from_bytes(to_bytes(reference)) == reference
    window = daily(reference.cells, [odd_columns(n_rows)], datetime.date(2024, 1, 1))
    report = judge(reference, [window])
    assert n_days == 0 or not report.drift
    assert judge(reference, [window]) == report
    assert len(least_detectable(reference, max(n_rows, 1))) == len(ODD)


def test_a_constant_that_changes_and_a_column_that_comes_alive_are_seen() -> None:
    rows = [odd_columns(400).append_column("__time__", pa.array([day] * 400, pa.date32())) for day in range(40)]
    reference = Reference.build(lambda: rows, ODD)
    changed = odd_columns(400).set_column(0, "constant", pa.array(np.full(400, 3.5)))
    changed = changed.set_column(5, "one level", pa.array(["a", "b"] * 200))
    report = judge(reference, [daily(reference.cells, [changed], datetime.date(2024, 1, 1))])
    assert [each.columns[0] for each in report.columns if each.drift] == ["constant", "one level"]
    assert "outside the reference's range in 100 % of the rows" in report.columns[0].words


def test_the_last_ninety_days_are_kept_and_undated_rows_count_in_the_total() -> None:
    days = pa.array([None, *range(100)], pa.date32())
    rows = pa.record_batch({"x": np.arange(101.0), "__time__": days})
    reference = Reference.build(lambda: [rows], {"x": "number"})
    assert (len(reference.days), reference.total.n_rows) == (90, 101)
    assert next(iter(reference.days)) == datetime.date(1970, 1, 11)
