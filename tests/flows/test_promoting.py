"""Going back and forth by hand: to the right version, only to one that answers, and in words when it cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core import clients, ledger, promotion, roles, store, tracking
from tasks.core.model_records import Champion
from tests.conftest import Register
from tests.flows.conftest import Say
from tests.serving.conftest import card, onnx_model

GATES = {"gates": [{"held": True, "sentence": "Better than nothing"}, {"held": False, "sentence": "accuracy is 0.1"}]}


@pytest.fixture
def ship(tmp_path: Path) -> Path:
    """A project whose source needs a secret that nobody has here."""
    folder = tmp_path / "ship"
    folder.mkdir()
    (folder / "project.yaml").write_text("name: ship\nsource: {kind: csv, path: '${NOT_SET}'}\ntarget: fate\n")
    return folder


@pytest.fixture
def three(register: Register) -> list[Champion]:
    """Versions 1 and 2, which served, and 3, which was refused."""
    models = [register(onnx_model(card(), seed)) for seed in (1, 2)]
    for model, expected in zip(models, (None, "1"), strict=True):
        digest = model.artifact.digest
        promotion.move("ship", model.version, digest, "champion", "schedule", "", GATES, expected)
    third = register(onnx_model(card(), 3), decision="refused")
    promotion.challenge("ship", "3", third.artifact.digest, "refused", "drift", "", GATES)
    return [*models, third]


def serving() -> str:
    """The version that ledger, alias and file agree on."""
    entry, known = ledger.serving_since("ship"), roles.known("ship")
    assert entry is not None and known is not None
    assert entry.version == known.champion.version == tracking.standing("ship").champion
    return entry.version


def test_a_rollback_asks_for_a_secret_or_goes_to_the_wrong_version(three: list[Champion], ship: Path, say: Say) -> None:
    code, told = say("rollback", ship, "--why", "worse for children")
    assert code == 0, told
    assert "version 1" in told and "serves again, version 2 no longer" in told and "2 sample rows" in told
    assert serving() == "1" and ledger.entries("ship")[0].why == "worse for children"
    code, told = say("rollback", ship)
    assert code == 2 and "served before version 1 and was not rolled back from, found none" in told
    code, told = say("rollback", ship, "--to", 2, "--json")
    assert code == 0 and serving() == "2"
    facts = json.loads(told)
    assert facts == facts | {"decision": "rollback", "version": "2", "previous": "1", "cause": "rollback", "number": 5}
    assert facts["digest"] == three[1].artifact.digest and facts["seconds"] > 0


WRONG: list[tuple[tuple[object, ...], str]] = [
    (("rollback", "--to", 2), "Version 2 of ship serves already"),
    (("rollback", "--to", 3), "Version 3 of ship never served: expected one of 1. `keepfit promote --version 3`"),
    (("rollback", "--to", 9), "Version 9 of ship never served"),
    (("rollback", "--to", "soon"), "invalid"),
    (("promote",), "--version"),
    (("promote", "--version", 9), "ship has no version 9: expected one of 1, 2, 3"),
    (("promote", "--version", 2), "Version 2 of ship is the champion already"),
    (("promote", "--version", 2, "--as", "challenger"), "Version 2 of ship is the champion already"),
    (("promote", "--version", 3, "--as", "challenger"), "Version 3 of ship is the challenger already"),
    (("promote", "--version", 1, "--as", "winner"), "invalid choice"),
    (("keys", "--revoke", "nobody"), "No key of ship is called 'nobody'"),
    (("keys", "--rate", 3), "--rate without --add"),
    (("keys", "--add", "a", "--revoke", "b"), "not allowed with"),
    (("keys", "--add", "a", "--rate", 0), "more than 0"),
    (("ledger", "--limit", 0), "1 or more"),
]


def test_wrong_use_moves_something_or_is_a_riddle(three: list[Champion], ship: Path, say: Say) -> None:
    for command, expected in WRONG:
        code, told = say(command[0], ship, *command[1:])
        assert code == 2 and expected in told, told
    assert serving() == "2" and len(ledger.entries("ship")) == 3


def test_a_project_that_never_had_a_champion_is_a_traceback(ship: Path, say: Say) -> None:
    for command in ("rollback",), ("rollback", "--to", 1):
        code, told = say(command[0], ship, *command[1:])
        assert code == 1 and "ship has no champion. Train it" in told
    code, told = say("promote", ship, "--version", 1)
    assert code == 2 and "ship has no version 1: expected one of none: train it first" in told
    assert say("ledger", ship) == (0, "ship: no decision yet; `keepfit train` makes the first\n")
    assert say("keys", ship) == (0, "ship: no keys\n")


def away(home: Path, model: Champion, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def damaged(home: Path, model: Champion, patch: pytest.MonkeyPatch) -> None:
    store.path(model.artifact).write_bytes(b"damaged")


def gone(home: Path, model: Champion, patch: pytest.MonkeyPatch) -> None:
    store.path(model.artifact).unlink()
    (home / "mlartifacts" / model.artifact.digest / "model.onnx").unlink()


@pytest.mark.parametrize(
    ("harm", "code", "expected"),
    [
        (away, 1, "MLflow at http://127.0.0.1:1 does not answer"),
        (damaged, 3, "is not the one that was registered: expected SHA-256"),
        (gone, 1, "Version 1 of ship in the registry: expected a model file"),
    ],
    ids=["away", "damaged", "gone"],
)
@pytest.mark.parametrize("command", [("rollback",), ("promote", "--version", 1, "--as", "challenger")])
def test_what_cannot_answer_becomes_the_champion(
    harm: Callable[..., None],
    code: int,
    expected: str,
    command: tuple[object, ...],
    three: list[Champion],
    ship: Path,
    say: Say,
    open_store: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        harm(open_store, three[0], patch)
        found, told = say(command[0], ship, *command[1:], "--json")
    assert found == code and expected in json.loads(told)["error"], told
    assert serving() == "2" and len(ledger.entries("ship")) == 3 and tracking.standing("ship").challenger == "3"


def test_a_file_that_the_store_lost_is_not_fetched_from_mlflow(three: list[Champion], ship: Path, say: Say) -> None:
    store.path(three[0].artifact).unlink()
    assert say("rollback", ship)[0] == 0 and serving() == "1"
    assert store.path(three[0].artifact).exists()


def test_a_file_that_is_no_model_becomes_the_champion(register: Register, ship: Path, say: Say) -> None:
    register(b"no model")
    code, told = say("promote", ship, "--version", 1)
    assert code == 2 and "cannot be used: expected an ONNX file written by keepfit" in told
    assert ledger.entries("ship") == []


def test_a_person_cannot_promote_what_the_gates_refused(three: list[Champion], ship: Path, say: Say) -> None:
    code, told = say("promote", ship, "--version", 1, "--as", "challenger", "--why", "to see")
    assert code == 0 and "version 1" in told and "is the challenger" in told
    known = roles.known("ship")
    assert known is not None and known.challenger == three[0] and not known.challenger_refused
    code, told = say("promote", ship, "--version", 3, "--why", "the gate was wrong", "--json")
    assert code == 0 and json.loads(told)["decision"] == "champion"
    assert serving() == "3" and ledger.entries("ship")[0].previous == "2"


def test_what_was_moved_in_mlflow_is_not_noticed(three: list[Champion], ship: Path, say: Say) -> None:
    tracking.set_alias("ship", "champion", "1")
    code, told = say("status", ship)
    assert code == 0 and "The alias was moved in MLflow: version 1 is the champion, no longer 2." in told
    status = json.loads(say("status", ship, "--json")[1])
    assert status["notice"] is None and status["champion"]["version"] == "1" and status["champion"]["since"]
    assert status["challenger"]["version"] == "3"
    tracking.set_alias("ship", "champion", "2")
    code, told = say("rollback", ship)
    assert code == 0 and "moved in MLflow: version 2" in told and serving() == "1"


def test_the_ledger_does_not_tell_why(three: list[Champion], ship: Path, say: Say) -> None:
    say("rollback", ship, "--why", "worse for children")
    told = say("ledger", ship)[1]
    for part in ("worse for children", "held      Better than nothing", "NOT HELD  accuracy is 0.1", "refused"):
        assert part in told
    assert f"rollback by {ledger.present_actor()}: worse" in told and three[0].artifact.digest[:12] in told
    entries = json.loads(say("ledger", ship, "--limit", 2, "--json")[1])["entries"]
    assert [(entry["number"], entry["version"], entry["previous"]) for entry in entries] == [
        (4, "1", "2"),
        (3, "3", "2"),
    ]


def test_a_key_is_shown_twice_or_not_at_all(ship: Path, say: Say, open_store: Path) -> None:
    facts = json.loads(say("keys", ship, "--add", "website", "--rate", 5, "--json")[1])
    client = clients.verify(facts["key"], clients.snapshot("ship"))
    assert client is not None and (client.name, client.rate) == ("website", 5)
    told = say("keys", ship)[1]
    assert "website" in told and "5 a second" in told and facts["key"].split("_", 2)[2] not in told
    code, told = say("keys", ship, "--add", "website")
    assert code == 2 and "called 'website' already" in told
    assert "kf_" in say("keys", ship, "--add", "app")[1]
    assert "worth nothing" in say("keys", ship, "--revoke", "website")[1]
    assert clients.verify(facts["key"], clients.snapshot("ship")) is None
    shown = json.loads(say("keys", ship, "--json")[1])
    assert [key["name"] for key in shown["keys"] if key["revoked"]] == ["website"] and "secret" not in str(shown)
