"""When a correction serves, and when the model that it corrects does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.core.ledger import Entry
from tasks.core.model_records import Champion, Waits
from tasks.core.records import Blob
from tasks.retraining.correcting import CAUSE, step
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import Gain
from tasks.retraining.worth import worth

START = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(days=7)


def gains(*shares: float, error: float = 0.01) -> list[Gain]:
    """Of weeks one after the other."""
    return [
        Gain(
            start=START + number * WEEK,
            end=START + (number + 1) * WEEK,
            digest="b",
            n_labelled=500,
            loss=1.0,
            corrected_loss=1 - share,
            gain=share,
            low=share - 1.96 * error,
            high=share + 1.96 * error,
            seconds=0.1,
        )
        for number, share in enumerate(shares)
    ]


def model(version: str, base: Champion | None = None) -> Champion:
    return Champion(version=version, artifact=Blob(digest=version, suffix=".onnx", size=1), base=base)


BASE = model("1")
CORRECTED = model("2", BASE)


def row(decision: str, version: str, cause: str, previous: str | None = None, **evidence: Any) -> Entry:
    said = {"id": 1, "number": 1, "project": "ship", "actor": "", "why": "", "at": START, "digest": version}
    return Entry.model_validate(
        {**said, "decision": decision, "version": version, "cause": cause, "previous": previous, "evidence": evidence}
    )


TRAINED = row("champion", "1", "manual")


def served(window: datetime, decision: str = "champion") -> Entry:
    return row(decision, "2", CAUSE, "1", corrects={"version": "1"}, window=window.isoformat())


def action(
    champion: Champion, entries: list[Entry], known: list[Gain], waits: Waits = "", **policy: Any
) -> tuple[str, str]:
    found = step(champion, entries, known, Retrain(**policy), "not_worse", waits)
    return found.action, found.why


def test_what_helps_serves_and_what_helps_no_more_is_left() -> None:
    new, old = START + 2 * WEEK, START + WEEK
    assert action(BASE, [TRAINED], gains(0.1, 0.2)) == (
        "correct",
        "Correction of version 1: gain 15.0% ± 1.4% of the loss over the last 2 windows",
    )
    assert action(CORRECTED, [served(old), TRAINED], gains(0.1, 0.2))[0] == "correct", "a new one for a new window"
    assert action(CORRECTED, [served(new), TRAINED], gains(0.1, 0.2))[0] == "nothing", "a window decides once"
    assert action(BASE, [served(new, "refused"), TRAINED], gains(0.1, 0.2))[0] == "nothing"
    back, why = action(CORRECTED, [served(old), TRAINED], gains(0.1, -0.2))
    assert back == "return" and why.startswith("Version 1 serves without its correction again: gain -5.0%")
    assert action(BASE, [TRAINED], gains(0.1, -0.2))[0] == "nothing"
    assert action(CORRECTED, [served(old), TRAINED], [])[0] == "return", "nobody knows whether it helps"


def test_the_next_champion_begins_with_what_helped_the_one_before() -> None:
    window = START + 2 * WEEK
    trained = row("champion", "3", "gain", "2")
    assert action(model("3"), [trained, served(window), TRAINED], gains(0.1, 0.2))[0] == "correct"


def test_a_correction_that_was_rolled_back_from_does_not_come_again_by_itself() -> None:
    left = [row("rollback", "1", "rollback", "2"), served(START), TRAINED]
    assert action(BASE, left, gains(0.1, 0.2))[0] == "nothing"
    assert action(model("3"), [row("champion", "3", "age", "1"), *left], gains(0.1, 0.2))[0] == "correct"


@pytest.mark.parametrize(("waits", "policy"), [("", {"correct": False}), ("by hand", {}), ("shadow", {})])
def test_where_a_person_or_requests_decide_none_serves_by_itself(waits: Waits, policy: dict[str, Any]) -> None:
    assert action(BASE, [TRAINED], gains(0.1), waits, **policy)[0] == "nothing"
    found, why = action(CORRECTED, [served(START), TRAINED], gains(0.1), waits, **policy)
    assert found == "return" and ("correct: false" in why or waits in why)
    promoted = row("champion", "2", "promote", "1", corrects={"version": "1"})
    assert action(CORRECTED, [promoted, TRAINED], gains(0.1), waits, **policy)[0] == "nothing"


@pytest.mark.parametrize(
    ("gate", "mean", "serves"), [("not_worse", 0.001, True), ("not_worse", 0.0, False), ("off", 0.001, True)]
)
def test_what_helps_on_the_whole_serves_although_the_newest_window_says_no(
    gate: Any, mean: float, serves: bool
) -> None:
    assert worth(gains(2 * mean + 0.3, -0.3), gate).serves is serves


@pytest.mark.parametrize(("mean", "serves"), [(0.015, True), (0.013, False)])
def test_where_a_model_must_be_better_a_correction_is_proven_to_be(mean: float, serves: bool) -> None:
    found = worth(gains(mean + 0.1, mean - 0.1), "better")
    assert found.serves is serves and "± 1.4%" in found.words, "1.96 standard errors of 0.01 over two windows"


def test_a_gain_of_older_windows_does_not_outlive_eight() -> None:
    assert not worth(gains(0.9, *[-0.01] * 8, error=0.1)).serves
    assert worth(gains(0.9, *[-0.01] * 7, error=0.1)).serves


def test_a_window_without_much_loss_does_not_outweigh_the_others() -> None:
    much, little = gains(0.1, -2.0)
    little = little.model_copy(update={"loss": 0.01})
    found = worth([much, little])
    assert found.serves and found.words.startswith("gain 7.9% ± "), "0.1 of 1, less 2 of 0.01, of 1.01"
    assert not worth([much, little.model_copy(update={"n_labelled": 50_000})]).serves
