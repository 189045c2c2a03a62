"""The published schemas of `--json`: they are current, cover every command, and refuse what commands do not print.

That real outputs hold them is seen wherever a test gives a command with --json (`require_published`).
"""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from flows.printed import in_json
from flows.printed.answers import Keys
from flows.printed.machine import Down, Error
from flows.printed.quality import HeldRow
from flows.printed.schemas import PRINTED, text
from flows.services import locks
from tests.flows.conftest import SCHEMAS, Say, require_published
from tests.test_docs import commands


def test_the_published_schemas_are_what_the_models_say_and_every_command_has_one() -> None:
    assert {file.stem for file in SCHEMAS.glob("*.json")} == PRINTED.keys() == commands().keys() | {"error"}
    for name in PRINTED:
        published = (SCHEMAS / f"{name}.json").read_text(encoding="utf-8")
        assert published == text(name), "run `python -m flows.printed`"
        jsonschema.Draft202012Validator.check_schema(json.loads(published))


def test_a_name_that_is_not_published_and_one_that_is_missing_are_seen() -> None:
    good = {"ended": True, "up": False}
    require_published(("down", "--json"), json.dumps(good))
    for wrong in (good | {"more": 1}, {"ended": True}, good | {"up": "no"}):
        with pytest.raises(jsonschema.ValidationError):
            require_published(("down", "--json"), json.dumps(wrong))


def test_names_that_were_not_given_are_left_out_and_odd_values_are_printed_all_the_same() -> None:
    assert in_json(Keys(project="ship", keys=())) == '{"project": "ship", "keys": []}', "no empty key is shown"
    assert json.loads(in_json(Keys(project="ship", keys=(), added=""))) == {"project": "ship", "added": "", "keys": []}
    assert in_json(Down(ended=False, up=False)) == '{"ended": false, "up": false}'
    name = os.fsdecode(b"/\xff.csv")
    assert json.loads(in_json(Error(error=name, exit_code=1)))["error"] == name, "its bytes are no text"
    row = HeldRow(row="a", number=1, reason="", values={"when": date(2026, 3, 31), "x": float("nan"), "y": None})
    assert json.loads(in_json(row))["values"] == {"when": "2026-03-31", "x": None, "y": None}


def test_a_failure_is_an_object_too(say: Say, tmp_path: Path) -> None:
    code, told = say("status", tmp_path / "none", "--json")
    assert code == 2 and json.loads(told)["exit_code"] == 2


def test_what_is_just_starting_in_another_process_is_told_as_published(say: Say, tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text("name: ship\nsource: ship.csv\ntarget: fate\n", encoding="utf-8")
    lock = locks.take(tmp_path / "home" / "up" / "up.lock")
    assert lock is not None
    try:
        code, told = say("up", tmp_path, "--json")
        assert code == 0 and json.loads(told)["addresses"] == {}, "which projects it has is not known yet"
        assert say("up", tmp_path)[1] == "It is just starting, in another process.\n"
    finally:
        os.close(lock)
