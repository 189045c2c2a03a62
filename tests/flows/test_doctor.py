"""`keepfit doctor` on homes that are broken in the ways homes break."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flows.health import databases, machine
from tests.flows.conftest import Say
from tests.serving.conftest import Ship, card

PROJECT = "name: ship\nsource: {kind: csv, path: ship.csv}\ntarget: fate\n"


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose champion is known to its home."""
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", "/nonexistent")
    folder = tmp_path / "ship"
    folder.mkdir()
    (folder / "project.yaml").write_text(PROJECT, encoding="utf-8")
    builder = Ship()
    (tmp_path / "home").mkdir()
    builder.point(tmp_path / "home", builder.keep(tmp_path / "home", card()))
    yield folder


def findings(say: Say, *arguments: object) -> tuple[int, dict[str, dict[str, Any]]]:
    code, told = say("doctor", *arguments, "--json")
    return code, {finding["check"]: finding for finding in json.loads(told)["findings"]}


def test_a_well_home_is_told_well_and_its_champion_answers(say: Say, ship: Path) -> None:
    code, told = say("doctor", ship)
    assert code == 0 and "FAILED" not in told, told
    _, found = findings(say, ship)
    assert found["champion"]["found"] == "version 3 of ship loads and answers its 2 sample rows"
    assert found["packages"]["status"] == found["clock"]["status"] == "ok"


def test_a_damaged_champion_a_damaged_database_and_a_server_that_is_away_are_failures(
    say: Say, ship: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = ship.parent / "home"
    [model] = (home / "store").rglob("*.onnx")
    model.write_bytes(model.read_bytes()[:100])
    (home / "mlflow.db").write_bytes(b"no database at all" * 100)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    code, found = findings(say, ship)
    assert code == 1
    assert all(found[check]["status"] == "failed" for check in ("champion", "database", "prefect")), found
    assert "damaged" in found["database"]["found"] and "PREFECT_API_URL" in found["prefect"]["found"]
    assert all(found[check]["action"] for check in ("champion", "database", "prefect"))


def test_who_holds_a_database_is_asked_for_and_a_missing_champion_file_names_the_way_out(
    say: Say, ship: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "PATIENCE_SECONDS", 0.2)
    home = ship.parent / "home"
    for model in (home / "store").rglob("*.onnx"):
        model.unlink()
    with closing(sqlite3.connect(home / "mlflow.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE runs (id)")
        database.execute("BEGIN EXCLUSIVE")
        code, found = findings(say, ship)
    assert code == 1 and "locked" in found["database"]["found"] and "fuser" in found["database"]["action"]
    assert "is gone" in found["champion"]["found"] and "rollback" in found["champion"]["action"]


def test_a_disk_without_room_or_with_another_clock_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "FEW", 10**18)
    assert [each.status for each in machine.home(tmp_path) if each.check == "disk"] == ["failed"]
    earlier = time.time() - 3600
    monkeypatch.setattr(machine.time, "time", lambda: earlier)
    assert next(machine.clock(tmp_path)).status == "warning"
