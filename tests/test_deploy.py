"""The gates: what holds, what does not, and the sentence that says so with its figures."""

from __future__ import annotations

import pytest

from tasks.core.errors import ProjectError
from tasks.core.model_records import Comparison, Evaluation, Metric, Verification
from tasks.core.records import Blob
from tasks.deploy import Acceptance, judge

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
    [(0.05, True, True), (0.01, True, False), (-0.01, True, False), (-0.014, False, False), (-0.1, False, False)],
)
def test_the_champion_need_not_be_beaten_but_must_not_win_for_sure(gain: float, not_worse: bool, better: bool) -> None:
    # A standard error of 0.01: the 90 % bound on one side is 0.0128.
    found = evaluation(champion=comparison(gain, gain - 0.0196, gain + 0.0196))
    assert held(Acceptance(), found) is not_worse
    assert held(Acceptance(champion="better"), found) is better
    assert held(Acceptance(champion="off"), found)


def test_minima_go_the_way_of_their_metric() -> None:
    assert held(Acceptance(minimum={"accuracy": 0.8, "log_loss": 0.4}))
    assert not held(Acceptance(minimum={"accuracy": 0.81}))
    assert not held(Acceptance(minimum={"log_loss": 0.39}))
    with pytest.raises(ProjectError, match="accuracy"):
        held(Acceptance(minimum={"acuracy": 0.8}))
