"""A new champion that fails its callers and goes on serving, or is rolled back from for what it did not do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from flows import requesting
from flows.weighing import weigh
from tasks.core import database, ledger, outcomes, promotion, roles, store, tracking
from tasks.core.errors import Unavailable
from tasks.core.outcomes import Outcome
from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.refusals import Refusals
from tasks.core.tables import LEDGER
from tasks.monitoring.section import Monitor
from tasks.retraining import verdicts
from tasks.retraining.policy import Retrain
from tasks.retraining.situation import situation
from tasks.serving.section import Log
from tests.conftest import Register
from tests.watched import dated_rows, trained, write_log

NAME = "ship"


@pytest.mark.slow
def test_a_champion_that_fails_its_requests_is_rolled_back_from_once(open_store: Path, register: Register) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    models = [trained(dated_rows(40, 40, seed=seed), Monitor(time="when")).champion for seed in (0, 5)]
    first, second = (register(store.path(each.artifact).read_bytes()) for each in models)
    promotion.move(NAME, first.version, first.artifact.digest, "champion", "manual", "", {}, None)
    assert situation(NAME, first, Retrain(), datetime.now(UTC)).n_labelled is None
    ids = write_log(open_store, NAME, first, dated_rows(1, 150, yesterday))
    outcomes.add(NAME, [Outcome(id=each, outcome="yes") for each in ids[:30]])
    quiet = situation(NAME, first, Retrain(), datetime.now(UTC))
    assert quiet.n_labelled == 30 and quiet.fitted_until.date().isoformat() == "2026-02-09"
    assert quiet.live is not None and quiet.live.previous is None

    promotion.move(NAME, second.version, second.artifact.digest, "champion", "data_drift", "", {}, first.version)
    refused = Refusals(folder_of(open_store, NAME), "aaaa")
    for _ in range(200):
        refused.add(500, "the model broke", None)
    refused.flush(datetime.now(UTC))
    kept = weigh(NAME, second, (), Retrain(), Log())
    assert kept.verdict.action == "rollback" and "100 % of its requests failed, 0 % before" in kept.verdict.sentence
    assert "Version 1 serves again" in requesting.act(NAME, kept)
    assert roles.serving(NAME).champion == first
    newest = ledger.entries(NAME)[0]
    assert (newest.decision, newest.cause, newest.why) == ("rollback", "monitoring", kept.verdict.sentence)

    again = weigh(NAME, first, (), Retrain(), Log())
    assert again.verdict.action == "healthy" and [each.id for each in verdicts.newest(NAME, 5)] == [again.id, kept.id]


def unavailable(*_: str) -> None:
    raise Unavailable("MLflow does not answer")


@pytest.mark.parametrize(("ago", "action"), [(timedelta(hours=47), "rollback"), (timedelta(days=5), "watch")])
def test_outcomes_that_speak_for_the_version_before_are_not_heard(
    open_store: Path, register: Register, monkeypatch: pytest.MonkeyPatch, ago: timedelta, action: str
) -> None:
    rows = dated_rows(40, 40)
    turned = rows.with_columns(pl.col("y").replace({"yes": "no", "no": "yes"}))
    models = [trained(each, Monitor(time="when")).champion for each in (rows, turned)]
    first, second = (register(store.path(each.artifact).read_bytes()) for each in models)
    promotion.move(NAME, first.version, first.artifact.digest, "champion", "manual", "", {}, None)
    promotion.move(NAME, second.version, second.artifact.digest, "champion", "data_drift", "", {}, first.version)
    now = datetime.now(UTC)
    with database.writing() as connection:
        connection.execute(LEDGER.update().values(at=now - ago))
    asked = dated_rows(1, 240, now.date() - timedelta(days=1), seed=7)
    ids = write_log(open_store, NAME, second, asked)
    told = [Outcome(id=id_, outcome=y) for id_, y in zip(ids, asked["y"], strict=True)]
    outcomes.add(NAME, told[:190])
    assert weigh(NAME, second, (), Retrain(), Log()).verdict.action == "healthy", "too few to tell"
    outcomes.add(NAME, told[190:])
    found = weigh(NAME, second, (), Retrain(), Log()).verdict
    assert found.action == action and "on the same rows version 1 is" in found.sentence
    assert ("keepfit rollback" in found.sentence) is (action == "watch")
    with monkeypatch.context() as away:
        away.setattr(tracking, "model", unavailable)
        assert weigh(NAME, second, (), Retrain(), Log()).verdict.action == "healthy", "the rest is told all the same"
    masked = Log.model_validate({"columns": {"x": "hash"}})
    assert weigh(NAME, second, (), Retrain(), masked).verdict.action == "healthy", (
        "the log does not hold what was asked"
    )
