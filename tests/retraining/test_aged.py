"""The age curve that is kept with a model: found by its digest, and taken over only where gains say more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.core.age_curve import Aged, Ageing
from tasks.core.model_records import Champion
from tasks.core.records import Blob
from tasks.retraining import aged, gains
from tasks.retraining.ageing import age_curve
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import Gain

DIGEST = "d" * 64
CHAMPION = Champion(version="1", artifact=Blob(digest=DIGEST, suffix=".onnx", size=1))
FOUND = Ageing(every="7d", curve=age_curve([Aged(age=2, relative_loss=1.028)]), n_learned=900, n_judged=200)


def measured(digest: str) -> Gain:
    start = datetime(2026, 6, 1, tzinfo=UTC)
    return Gain(
        start=start,
        end=start + timedelta(days=7),
        digest=digest,
        n_labelled=500,
        loss=0.5,
        corrected_loss=0.5,
        gain=0.0,
        low=-0.1,
        high=0.1,
        seconds=0.1,
    )


def test_a_model_from_before_there_was_a_curve_has_none_nor_one_whose_file_is_damaged(open_store: Path) -> None:
    assert aged.known(DIGEST) is None and aged.curve(DIGEST, Retrain()) is None
    aged.keep(DIGEST, FOUND)
    assert aged.known(DIGEST) == FOUND
    (open_store / "ageing" / f"{DIGEST}.json").write_text('{"every": "7d", "cur')
    assert aged.known(DIGEST) is None


def test_the_cadence_follows_the_policy_whose_windows_are_longer_now(open_store: Path) -> None:
    aged.keep(DIGEST, FOUND)
    weekly, longer = aged.curve(DIGEST, Retrain()), aged.curve(DIGEST, Retrain(every="14d"))
    assert weekly is not None and longer is not None
    assert weekly.cadence == pytest.approx(3.78, abs=0.01) and longer.cadence == pytest.approx(2.67, abs=0.01)


def test_a_curve_is_taken_over_only_while_gains_are_measured_of_the_champion(open_store: Path) -> None:
    aged.keep(DIGEST, FOUND)
    assert aged.before("p", None, Retrain()) is None
    assert aged.before("p", CHAMPION, Retrain()) is None, "where no outcome comes it is all there is"
    gains.write("p", measured(DIGEST))
    assert aged.before("p", CHAMPION, Retrain()) == FOUND.model_copy(update={"of": DIGEST})
    assert aged.before("p", CHAMPION, Retrain(every="1d")) is None
    assert aged.before("p", CHAMPION, Retrain(on=("age",))) is None
    aged.keep(DIGEST, FOUND.model_copy(update={"of": "first"}))
    taken = aged.before("p", CHAMPION, Retrain())
    assert taken is not None and taken.of == "first" and taken.sentence.endswith("(measured of a model before it).")
