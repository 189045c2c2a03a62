"""The file that servers follow says what the registry says, is written when that changes alone, and outlives MLflow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core import ledger, roles, store, tracking
from tasks.core.errors import Unavailable
from tests.conftest import Register


def test_the_file_says_what_the_registry_says_and_changes_with_it_alone(register: Register) -> None:
    one, two = register(b"one"), register(b"two", decision="refused")
    tracking.set_alias("ship", "champion", one.version)
    entry = ledger.append("ship", "champion", one.version, one.artifact.digest)
    found = roles.refresh("ship")
    assert found == roles.Roles(champion=one, number=1, since=entry.at.isoformat()) == roles.known("ship")
    before = roles.file("ship").stat()
    assert roles.refresh("ship") == found and roles.file("ship").stat().st_ino == before.st_ino
    tracking.set_alias("ship", "challenger", two.version)
    assert roles.refresh("ship") == found.model_copy(update={"challenger": two, "challenger_refused": True})
    assert roles.file("ship").stat().st_ino != before.st_ino
    tracking.set_alias("ship", "challenger", one.version)  # nobody is challenged by himself
    assert roles.refresh("ship") == found


def test_a_project_without_champion_is_told_from_a_registry_that_is_away(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable, match="no champion yet"):
        roles.serving("ship")
    assert roles.known("ship") is None
    one = register(b"one")
    tracking.set_alias("ship", "champion", one.version)
    assert roles.serving("ship").champion == one
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert roles.serving("ship").champion == one
    with pytest.raises(Unavailable, match="does not answer"):
        roles.refresh("ship")
    with pytest.raises(Unavailable, match="does not answer"):
        roles.serving("boat")


def test_a_ledger_that_is_away_keeps_a_model_from_being_served(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = register(b"one"), register(b"two")
    tracking.set_alias("ship", "champion", one.version)
    ledger.append("ship", "champion", one.version, one.artifact.digest)
    found = roles.refresh("ship")
    monkeypatch.setenv("KEEPFIT_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/d")
    assert roles.serving("ship") == found
    tracking.set_alias("ship", "champion", two.version)
    assert roles.serving("ship") == roles.Roles(champion=two)


def test_a_challenger_without_its_file_ends_the_champion(register: Register, open_store: Path) -> None:
    one, two = register(b"one"), register(b"two")
    tracking.set_alias("ship", "champion", one.version)
    tracking.set_alias("ship", "challenger", two.version)
    for champion in (one, two):  # the store was cleaned: what MLflow keeps is brought back
        store.path(champion.artifact).unlink()
    (open_store / "mlartifacts" / two.artifact.digest / "model.onnx").write_bytes(b"damaged")
    assert roles.refresh("ship") == roles.Roles(champion=one)
    assert store.path(one.artifact).read_bytes() == b"one"


def test_an_old_or_damaged_file_is_a_traceback(open_store: Path) -> None:
    file = roles.file("ship")
    file.parent.mkdir()
    champion = {"version": "3", "artifact": {"digest": "ab", "suffix": ".onnx", "size": 7}}
    file.write_text(json.dumps(champion))
    assert roles.known("ship") == roles.Roles.model_validate({"champion": champion})
    file.write_text('{"version": 3')
    assert roles.known("ship") is None


def test_what_is_known_is_read_with_mlflow_or_a_database(open_store: Path) -> None:
    code = f"""import sys; from pathlib import Path; from tasks.core import roles, store
with store.opened(Path({str(open_store)!r})):
    assert roles.known("ship") is None
print([name for name in ("mlflow", "sqlalchemy", "polars", "pandas") if name in sys.modules])"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
