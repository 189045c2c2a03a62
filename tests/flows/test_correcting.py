"""A correction that helps serves, and when it helps no more its base does; whatever is killed in between."""

from __future__ import annotations

import time as clock
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from flows import correcting, promoting
from flows.weighing import weigh
from tasks.core import database, ledger, outcomes, promotion, roles, store, tracking
from tasks.core.age_curve import Aged, Ageing
from tasks.core.model_records import Champion
from tasks.core.outcomes import Outcome
from tasks.core.tables import LEDGER
from tasks.monitoring import logged_windows, rightness
from tasks.monitoring.section import Monitor
from tasks.monitoring.watched_model import WatchedModel
from tasks.retraining import aged, correction, gain
from tasks.retraining.acceptance import Acceptance
from tasks.retraining.ageing import age_curve
from tasks.retraining.policy import Retrain
from tasks.retraining.situation import situation
from tasks.retraining.verdict import Verdict
from tasks.scoring.scorer import Scorer
from tasks.serving.lineup import Served
from tasks.serving.section import Log
from tasks.serving.site import Serving
from tests.conftest import Register
from tests.serving.conftest import Ship
from tests.watched import dated_rows, trained, write_log

NAME = "ship"
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
FIRST = NOW.date() - timedelta(days=29)
TERMS = correcting.Terms(Retrain(), Acceptance(), Log(), "")
SECTION = Monitor(time="when")
ROW = {"x": 42.0, "kind": "a"}


def champion_of(register: Register) -> Champion:
    """A champion that has served for thirty days."""
    model = trained(dated_rows(40, 40), SECTION)
    champion = register(store.path(model.champion.artifact).read_bytes())
    promotion.move(NAME, champion.version, champion.artifact.digest, "champion", "manual", "", {}, None)
    with database.writing() as connection:
        connection.execute(LEDGER.update().values(at=NOW - timedelta(days=30)))
    return champion


def lived(home: Path, champion: Champion, week: int, turned: bool, a_day: int) -> None:
    """A week of answers and their outcomes; where the world has turned each is the other."""
    rows = dated_rows(7, a_day, FIRST + timedelta(days=7 * week), seed=week + 1)
    if turned:
        rows = rows.with_columns(pl.col("y").replace({"yes": "no", "no": "yes"}))
    ids = write_log(home, NAME, champion, rows, prefix=f"{week:04x}")
    outcomes.add(NAME, [Outcome(id=id_, outcome=y) for id_, y in zip(ids, rows["y"], strict=True)])


def looked(action: Any = "healthy") -> str:
    """What a look at the live rows does about a correction."""
    weigh(NAME, roles.serving(NAME).champion, (), TERMS.retrain, TERMS.log)
    return correcting.follow(NAME, TERMS, Verdict(action=action, sentence="So."))


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.slow
def test_what_helps_serves_and_is_left_when_it_helps_no_more(
    open_store: Path, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = champion_of(register)
    for week in range(3):
        lived(open_store, base, week, turned=week >= 1, a_day=20)
    served = Served(name=NAME, home=open_store)
    card = Scorer.open(store.path(base.artifact)).card
    server = Ship().run(Serving(projects=(served,)), open_store, card)

    def answered_by(version: str) -> dict[str, Any]:
        deadline = clock.monotonic() + 5
        while (found := httpx.post(f"{server.url}/predict", json=ROW, trust_env=False).json())["model"][
            "version"
        ] != version:
            assert clock.monotonic() < deadline, found
            clock.sleep(0.05)
        return found

    try:
        before = answered_by("1")
        assert looked("incident") == "", "nothing is learnt from broken rows"
        for place in ("move", "_follow"):
            with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
                broken.setattr(promotion, place, killed)
                looked()
            answered_by("1")
        assert looked() == "", "the decision is completed, and its window decides once"
        after, corrected = answered_by("2"), roles.serving(NAME).champion
        assert tracking.versions(NAME) == ["1", "2"] and corrected.trained == base
        assert after["probabilities"]["yes"] > before["probabilities"]["yes"] + 0.1, "the world has turned"
        entry = ledger.entries(NAME)[0]
        assert (entry.cause, entry.corrects, entry.number) == ("correction", "1", 2)
        assert entry.why.startswith("Correction of version 1: gain ")

        lived(open_store, corrected, 3, turned=False, a_day=500)
        aged.keep(base.artifact.digest, Ageing(every="7d", curve=age_curve([Aged(age=2, relative_loss=1.028)])))
        asked = situation(NAME, corrected, TERMS.retrain, datetime.now(UTC))
        assert asked.cadence == pytest.approx(3.78, abs=0.01), "a correction ages as its base"
        assert asked.champion_since < NOW - timedelta(days=29) and asked.live is not None
        held = logged_windows.held(NAME, base.artifact.digest, None, NOW)
        assert len(held) == 28 and {each.n_rows for each in held.values()} == {20, 500}, "watched as its base's rows"
        assert "Version 1 serves without its correction again" in looked()
        assert roles.serving(NAME).champion == base
        answered_by("1")
        assert situation(NAME, base, TERMS.retrain, datetime.now(UTC)).live is None, "what serves again is not new"
        assert promotion.earlier(NAME) is None, "no correction of it is what served before it"
    finally:
        server.stop()
    model, proof = promoting.proven(NAME, "2", {})
    told = promoting.evidence(model, proof)
    promotion.move(NAME, "2", model.artifact.digest, "champion", "promote", "", told, "1")
    target = promotion.earlier(NAME)
    assert target is not None and target.version == "1"
    trained_anew = register(b"another")
    replaced = promotion.move(NAME, "3", trained_anew.artifact.digest, "champion", "gain", "", {}, "1")
    assert replaced.previous == "2" and roles.serving(NAME).champion == trained_anew


def test_what_a_correction_answers_is_no_drift_of_the_model_that_it_corrects(open_store: Path) -> None:
    model = trained(dated_rows(40, 40), SECTION)
    rows = dated_rows(1, 400, FIRST)
    turned = rows.with_columns(pl.col("y").replace({"yes": "no", "no": "yes"}))
    base = model.champion
    scorer = Scorer.open(store.path(base.artifact))
    made = correction.exported(store.path(base.artifact).read_bytes(), scorer.card, gain.correct(scorer, turned))
    corrected = Champion(version="2", artifact=store.put(made, ".onnx"), base=base)
    told = {"corrects": {"version": "1", "digest": base.artifact.digest}}
    ledger.append(NAME, "champion", "2", corrected.artifact.digest, evidence=told)
    ids = write_log(open_store, NAME, corrected, turned)
    outcomes.add(NAME, [Outcome(id=id_, outcome=y) for id_, y in zip(ids, turned["y"], strict=True)])

    watched = WatchedModel.open(NAME, base, SECTION, Log())
    day = logged_windows.day(NAME, base.artifact.digest, start := datetime.combine(FIRST, time(), UTC), start + DAY)
    own = watched.own(day.rows)
    said = scorer.predict(day.rows.select("x", "kind"))
    assert own["__prediction__"].to_list() == said["prediction"].to_list()
    n_other = (own["__prediction__"] != day.rows["__prediction__"]).sum()
    assert n_other > 100, "the correction answers otherwise"
    asked = day.rows.select("x", "kind", "__time__").hstack(said)
    given, expected = (watched.measured([each], None) for each in (day.rows, asked))
    assert given == expected
    found = rightness.performance(watched, day, (), True)
    served = next(each.value for each in found.labelled.metrics if each.name == "log_loss")
    assert found.checked is not None and served < found.checked.real - 1, "by outcomes: what was answered"
