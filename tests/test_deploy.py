"""The gates: what holds, what does not, and the sentence that says so with its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tasks.core import ledger, promotion, roles, tracking
from tasks.core.errors import ProjectError
from tasks.core.model_records import (
    Champion,
    Comparison,
    Deployment,
    Evaluation,
    Metric,
    TrainedModel,
    Verification,
    Waits,
)
from tasks.core.records import Blob
from tasks.deploy import Acceptance, deploy, judge
from tasks.retraining.trigger import Trigger
from tests.conftest import Register

Deploying = Callable[..., Deployment]
DRIFT = Trigger(kind="data_drift", evidence="2 of 3 days drifted", request="ab12")
EXACT = Verification(n_rows=800, largest_difference=1e-15)


def comparison(gain: float, low: float, high: float, against: str = "version 3") -> Comparison:
    return Comparison(against=against, metric="log_loss", ours=0.4, theirs=0.4 + gain, gain=gain, low=low, high=high)


def evaluation(baseline: Comparison | None = None, champion: Comparison | None = None) -> Evaluation:
    return Evaluation(
        metric="log_loss",
        n_rows=200,
        metrics=(
            Metric(name="log_loss", value=0.4, low=0.35, high=0.45, greater_is_better=False),
            Metric(name="accuracy", value=0.8, low=0.75, high=0.85, greater_is_better=True),
        ),
        classes=(),
        confusion=(),
        slices=(),
        baseline=baseline or comparison(0.2, 0.15, 0.25, "baseline"),
        champion=champion,
        predictions=Blob(digest="0" * 64, suffix=".parquet", size=1),
    )


def held(
    acceptance: Acceptance | None = None, found: Evaluation | None = None, verification: Verification = EXACT
) -> bool:
    return all(gate.held for gate in judge(verification, found or evaluation(), acceptance or Acceptance()))


def test_a_first_model_that_beats_the_baseline_is_accepted() -> None:
    assert held()


@pytest.mark.parametrize(
    ("low", "accepted"), [(0.01, True), (0.0, False), (-0.01, False)], ids=["proven", "at zero", "not proven"]
)
def test_the_baseline_must_be_beaten_for_sure(low: float, accepted: bool) -> None:
    found = evaluation(baseline=comparison(0.02, low, 0.05))
    assert held(found=found) is accepted
    assert held(Acceptance(baseline="off"), found)


def test_an_export_that_answers_otherwise_is_refused() -> None:
    wrong = Verification(n_rows=800, largest_difference=2e-9)
    assert not held(verification=wrong)
    assert held(Acceptance(parity=1e-8), verification=wrong)
    assert "2.0e-09" in judge(wrong, evaluation(), Acceptance())[0].sentence
    assert not held(verification=Verification(n_rows=800, largest_difference=float("nan")))


@pytest.mark.parametrize(
    ("gain", "not_worse", "better"),
    [(0.05, True, True), (0.01, True, False), (-0.013, True, False), (-0.0145, False, False), (-0.1, False, False)],
)
def test_the_champion_need_not_be_beaten_but_must_not_win_for_sure(gain: float, not_worse: bool, better: bool) -> None:
    # A standard error of 0.01: the 92 % bound on one side is 0.014.
    found = evaluation(champion=comparison(gain, gain - 0.0196, gain + 0.0196))
    assert held(Acceptance(), found) is not_worse
    assert held(Acceptance(champion="better"), found) is better
    assert held(Acceptance(champion="off"), found)


def test_days_that_are_few_are_not_taken_for_many() -> None:
    # With 5 blocks Student's quantile is 1.72 standard errors, not 1.4.
    few = comparison(-0.0155, -0.0351, 0.0041).model_copy(update={"n_rows": 900, "n_blocks": 5})
    assert held(found=evaluation(champion=few))
    assert not held(found=evaluation(champion=few.model_copy(update={"n_blocks": 50})))
    refusal = judge(EXACT, evaluation(champion=few.model_copy(update={"gain": -0.1})), Acceptance())[-1]
    assert "on 900 rows in 5 blocks of time" in refusal.sentence


def test_nobody_vouches_for_a_retrained_model_that_could_not_be_compared() -> None:
    found = evaluation().model_copy(update={"incomparable": "Its file is gone"})
    assert held(found=found), "a person trained it"
    gate = judge(EXACT, found, Acceptance(), by_hand=False)[-1]
    assert not gate.held and "Its file is gone. Train it by hand" in gate.sentence


def test_minima_go_the_way_of_their_metric() -> None:
    assert held(Acceptance(minimum={"accuracy": 0.8, "log_loss": 0.4}))
    assert not held(Acceptance(minimum={"accuracy": 0.81}))
    assert not held(Acceptance(minimum={"log_loss": 0.39}))
    with pytest.raises(ProjectError, match="accuracy"):
        held(Acceptance(minimum={"acuracy": 0.8}))


# What is done with the decision


@pytest.fixture
def deploying(register: Register) -> Iterator[Callable[..., Deployment]]:
    """A function that deploys a registered model, within a run as the flow has one."""

    def deployed(
        model: Champion, champion: Champion | None, found: Evaluation | None = None, waits: Waits = ""
    ) -> Deployment:
        trained = TrainedModel(
            artifact=model.artifact,
            digest=model.artifact.digest,
            parity=model.artifact,
            curves=None,
            members=(),
            importances=(),
        )
        return deploy.fn("ship", trained, EXACT, found or evaluation(), Acceptance(), DRIFT, champion, waits)

    with tracking.run("ship", "test", {}, {}):
        yield deployed


WORSE = evaluation(champion=comparison(-0.2, -0.25, -0.15))


def test_deploying_the_same_model_again_changes_something(register: Register, deploying: Deploying) -> None:
    one, two = register(b"one"), register(b"two")
    for model, champion, found in ((one, None, None), (two, one, WORSE)):
        first = deploying(model, champion, found)
        before, file = ledger.entries("ship"), roles.file("ship").stat().st_mtime_ns
        assert deploying(model, champion, found) == first
        assert ledger.entries("ship") == before and roles.file("ship").stat().st_mtime_ns == file
    assert [(row.decision, row.cause, row.previous) for row in ledger.entries("ship")] == [
        ("refused", "data_drift", "1"),
        ("champion", "data_drift", None),
    ]
    newest = ledger.entries("ship")[0]
    assert newest.why == DRIFT.evidence and newest.evidence["request"] == DRIFT.request
    gates = newest.evidence["gates"]
    assert isinstance(gates, list) and {"held": False} in [{"held": gate["held"]} for gate in gates]  # type: ignore[index,call-overload]
    assert roles.serving("ship").champion == one and roles.serving("ship").challenger_refused


def test_a_model_that_was_compared_with_another_champion_takes_over(register: Register, deploying: Deploying) -> None:
    one, two, three = register(b"one"), register(b"two"), register(b"three")
    deploying(one, None)
    deploying(two, one)
    late = deploying(three, one)
    assert not late.accepted and "found version 2, which" in late.reasons[0] and late.previous == "2"
    assert roles.serving("ship").champion == two
    assert tracking.is_refused("ship", three.version)


def test_a_model_that_must_prove_itself_first_serves_at_once(register: Register, deploying: Deploying) -> None:
    one, two = register(b"one"), register(b"two")
    first = deploying(one, None, None, "canary")
    assert first.waits == "" and roles.serving("ship").champion == one, "the first model of all has nobody to wait for"
    told = deploying(two, one, None, "canary")
    assert told.accepted and told.waits == "canary" and told.previous == "1"
    found = roles.serving("ship")
    assert (found.champion, found.challenger, found.challenger_refused) == (one, two, False)
    newest = ledger.entries("ship", 1)[0]
    assert (newest.decision, newest.cause, newest.evidence["waits"]) == ("challenger", DRIFT.kind, "canary")
    ledger.append("ship", "canary_started", "2", two.artifact.digest)
    assert deploying(two, one, None, "canary") == told, "it goes on proving itself"
    assert ledger.entries("ship", 1)[0].decision == "canary_started"


def test_a_model_that_was_taken_back_is_not_tried_again(register: Register, deploying: Deploying) -> None:
    one, two = register(b"one"), register(b"two")
    deploying(one, None)
    deploying(two, one, None, "canary")
    ledger.append("ship", "canary_ended", "2", two.artifact.digest, why="too slow", evidence={"result": "taken back"})
    again = deploying(two, one, None, "canary")
    assert not again.accepted and "taken back on" in again.reasons[0] and "too slow" in again.reasons[0]
    assert roles.serving("ship").champion == one


def test_a_challenger_was_compared_with_who_serves_no_longer(register: Register, deploying: Deploying) -> None:
    one, two, three = register(b"one"), register(b"two"), register(b"three")
    deploying(one, None)
    deploying(two, one)
    late = deploying(three, one, None, "by hand")
    assert not late.accepted and "Compared with version 1, and version 2 serves by now" in late.reasons[0]
    assert tracking.is_refused("ship", three.version)


def test_what_was_rolled_back_from_comes_back_by_itself(register: Register, deploying: Deploying) -> None:
    one, two = register(b"one"), register(b"two")
    deploying(one, None)
    deploying(two, one)
    promotion.move("ship", "1", one.artifact.digest, "rollback", "rollback", "worse for children", {}, "2")
    again = deploying(two, one)
    assert not again.accepted and "rolled back from" in again.reasons[0] and "worse for children" in again.reasons[0]
    assert roles.serving("ship").champion == one


def test_a_training_that_was_compared_with_the_base_replaces_its_correction_too(
    register: Register, deploying: Deploying
) -> None:
    base, corrected, two = register(b"one"), register(b"one, corrected"), register(b"two")
    deploying(base, None)
    told = {"corrects": {"version": "1", "digest": base.artifact.digest}}
    promotion.move("ship", "2", corrected.artifact.digest, "champion", "correction", "it helps", told, "1")
    again = deploying(base, None)
    assert again.accepted and roles.serving("ship").champion == corrected, "the base made again takes nothing away"
    won = deploying(two, base)
    assert won.accepted and won.previous == "1" and roles.serving("ship").champion == two
    assert ledger.entries("ship", 1)[0].previous == "2", "what served before it"


def test_a_deployment_that_was_killed_is_completed_by_the_next(register: Register, deploying: Deploying) -> None:
    one = register(b"one")
    ledger.append("ship", "champion", one.version, one.artifact.digest, previous=None)  # and then the kill
    told = deploying(one, None)
    assert told.accepted and "Decision 1 was interrupted and is now complete" in told.reasons[-1]
    assert roles.serving("ship").champion == one and len(ledger.entries("ship")) == 1
