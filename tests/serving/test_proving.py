"""A challenger beside the champion: it serves when it answered enough, and not when it broke its limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import challenger as told
from tasks.core import ledger, promotion, roles, tracking, trials
from tasks.core.model_records import Champion
from tasks.serving import upkeep
from tasks.serving.lineup import Served
from tasks.serving.proving import Proving
from tasks.serving.section import Serve
from tasks.serving.site import Serving
from tests.conftest import Register

Count = Callable[..., None]


@pytest.fixture
def models(register: Register, open_store: Path) -> tuple[Champion, Champion]:
    """A champion, and a challenger whose gates held."""
    one, two = register(b"one"), register(b"two", decision="challenger")
    promotion.move("ship", one.version, one.artifact.digest, "champion", "manual", "", {}, None)
    evidence = {"waits": "shadow", "reasons": ["Better than the champion"]}
    promotion.challenge("ship", two.version, two.artifact.digest, "challenger", "drift", "", evidence)
    return one, two


@pytest.fixture
def proving(tmp_path: Path) -> Proving:
    (tmp_path / "figures").mkdir()
    return Proving(tmp_path / "figures")


@pytest.fixture
def count(tmp_path: Path, models: tuple[Champion, Champion]) -> Count:
    """A function that leaves the figures of one process of the server."""

    def count(answered: int, failed: int = 0, process: int = 0, kind: str = "shadow") -> None:
        beside = {"digest": models[1].artifact.digest, "kind": kind, "answered": answered, "failed": failed}
        (tmp_path / "figures" / f"{process}.json").write_text(json.dumps({"ship": {"beside": beside}}))

    return count


def served(home: Path, **serve: Any) -> Served:
    return Served(name="ship", home=home, serve=Serve.model_validate({"shadow": "challenger", "trial": 1_000} | serve))


def story() -> list[tuple[str, str, str]]:
    return [(each.decision, each.version, each.cause) for each in reversed(ledger.entries("ship"))]


def test_a_challenger_that_answered_enough_serves_and_the_ledger_tells_why(
    open_store: Path, proving: Proving, count: Count, models: tuple[Champion, Champion]
) -> None:
    ship = served(open_store)
    shown = told.shown("ship", roles.known("ship"))
    assert shown is not None and shown.words.startswith("shadow, no request yet")
    count(300, process=0)
    count(600, failed=1, process=1)
    proving.look(ship)
    proving.look(ship)
    shown = told.shown("ship", roles.known("ship"))
    assert shown is not None and shown.words == "shadow, 901 of 1,000 requests (1 failed)"
    count(90, process=0)  # the process was started again
    later = Proving(proving._figures)  # and so was the server: what it counts begins anew with its processes
    count(0, process=1)
    later.look(ship)
    assert tracking.standing("ship").champion == "1"
    count(99, process=0)
    later.look(ship)
    known = roles.known("ship")
    assert known is not None and known.champion == models[1] and known.challenger is None
    assert story() == [
        ("champion", "1", "manual"),
        ("challenger", "2", "drift"),
        ("shadow_started", "2", "serve"),
        ("shadow_ended", "2", "serve"),
        ("champion", "2", "drift"),
    ]
    entry = ledger.entries("ship", 1)[0]
    assert entry.why == "It answered 1,000 requests in the shadow within its limits" and entry.previous == "1"
    assert entry.evidence["reasons"] == ["Better than the champion"]
    later.look(ship)
    assert len(story()) == 5, "once"


def test_a_challenger_that_fails_is_taken_back(
    open_store: Path, proving: Proving, count: Count, models: tuple[Champion, Champion]
) -> None:
    count(960, failed=40)
    proving.look(served(open_store))
    assert tracking.standing("ship").challenger is None and tracking.standing("ship").champion == "1"
    newest = ledger.entries("ship", 1)[0]
    assert (newest.decision, newest.evidence["result"]) == ("shadow_ended", "taken back")
    assert newest.why == "40 of 1,000 requests failed"


def test_one_that_a_process_takes_back_is_not_promoted_by_its_count(
    open_store: Path, proving: Proving, count: Count, models: tuple[Champion, Champion]
) -> None:
    ship = served(open_store, shadow=None, canary="10%")
    report = {"project": "ship", "event": "canary_ended", "version": "2", "digest": models[1].artifact.digest}
    for _ in range(2):  # several processes report the same
        upkeep.record(Serving(projects=(ship,)), report | {"why": "too slow"})
    count(5_000, kind="canary")
    proving.look(ship)
    assert [each[0] for each in story()] == ["champion", "challenger", "canary_ended"]
    assert tracking.standing("ship") == tracking.standing("ship").model_copy(update={"challenger": None})


def test_a_challenger_that_waits_for_a_person_or_is_a_persons_stays_one(
    open_store: Path, proving: Proving, count: Count, models: tuple[Champion, Champion]
) -> None:
    two = models[1]
    promotion.challenge("ship", "1", "d" * 64, "challenger", "x", "", {})  # another decision between
    promotion.challenge("ship", two.version, two.artifact.digest, "challenger", "promote", "to see", {})
    count(5_000)
    proving.look(served(open_store))
    assert tracking.standing("ship").champion == "1"
    shown = told.shown("ship", roles.known("ship"))
    assert shown is not None and shown.words == "shadow, 5,000 requests; it waits for `keepfit promote --version 2`"


def test_a_challenger_of_a_champion_that_serves_no_longer_is_not_promoted(
    open_store: Path, proving: Proving, count: Count, register: Register, models: tuple[Champion, Champion]
) -> None:
    three = register(b"three")
    promotion.move("ship", three.version, three.artifact.digest, "champion", "promote", "", {}, "1")
    count(5_000)
    proving.look(served(open_store))
    assert tracking.standing("ship").champion == three.version
    newest = ledger.entries("ship", 1)[0]
    assert newest.decision == "shadow_ended" and "compared with version 1, and version 3 serves" in newest.why


def test_a_damaged_trial_begins_anew(open_store: Path, proving: Proving, count: Count) -> None:
    (open_store / "trials").mkdir()
    (open_store / "trials" / "ship.json").write_text("{")
    count(5)
    proving.look(served(open_store))
    found = trials.known("ship")
    assert found is not None and found.answered == 5
