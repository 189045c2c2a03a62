"""What is masked in the log of rows is masked in that of columns, and the same value to the same text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pyarrow as pa
import pytest

from tasks.core.predictions import reading

pytestmark = pytest.mark.slow
STREAM = "application/vnd.apache.arrow.stream"


def test_columns_are_masked_as_rows_are(ship: Any, tmp_path: Path) -> None:
    log = {"columns": {"embarked": "hash", "age": "hash", "boarded": "hash", "возраст 年": "drop"}}
    server = ship.start(tmp_path, ship.card(), log=log)
    rows = [dict(row) for row in ship.samples]
    sink = io.BytesIO()
    pl.DataFrame(rows).write_ipc_stream(sink)
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
            headers = {"content-type": STREAM}
            of_columns = client.post("/predict", content=sink.getvalue(), headers=headers).raise_for_status().json()
            of_rows = client.post("/predict", json=rows).raise_for_status().json()
    finally:
        server.stop()
    table = pa.Table.from_batches(reading.read(tmp_path, "ship"))
    assert "возраст 年" not in table.column_names
    own = [name for name in table.column_names if name not in ("__id__", "__time__", "__latency_us__")]
    logged = {row["__id__"]: {name: row[name] for name in own} for row in table.to_pylist()}
    for one, other in zip(of_columns, of_rows, strict=True):
        assert logged[one["id"]] == logged[other["id"]]
    assert len(logged[of_rows[0]["id"]]["embarked"]) == 32
