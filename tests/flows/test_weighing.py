"""The verdict as it is weighed of what the home knows, and what becomes of a request whose reason is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from flows import requesting
from flows.weighing import weigh
from tasks.core import database, newest_window, outcomes, promotion, store
from tasks.core.outcomes import Outcome
from tasks.core.tables import LEDGER
from tasks.monitoring.section import Monitor
from tasks.retraining import requests, verdicts
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import Verdict
from tasks.serving.section import Log
from tests.conftest import Register
from tests.watched import dated_rows, trained, write_log

NAME = "ship"
TODAY = datetime.now(UTC).date()
FIRST = TODAY - timedelta(days=36)


def test_a_gain_that_adds_up_asks_for_training_and_is_told(open_store: Path, register: Register) -> None:
    model = trained(dated_rows(40, 40), Monitor(time="when"))
    champion = register(store.path(model.champion.artifact).read_bytes())
    promotion.move(NAME, champion.version, champion.artifact.digest, "champion", "manual", "", {}, None)
    with database.writing() as connection:
        connection.execute(LEDGER.update().values(at=datetime.now(UTC) - timedelta(days=37)))
    for week in range(5):
        rows = dated_rows(7, 60, FIRST + timedelta(days=7 * week), seed=week + 1)
        if week >= 2:
            rows = rows.with_columns(pl.col("y").replace({"yes": "no", "no": "yes"}))
        ids = write_log(open_store, NAME, champion, rows, prefix=f"{week:04x}")
        outcomes.add(NAME, [Outcome(id=id_, outcome=y) for id_, y in zip(ids, rows["y"], strict=True)])
    assert weigh(NAME, champion, (), Retrain(on=("age",)), Log()).verdict.action == "healthy"
    kept = weigh(NAME, champion, (), Retrain(), Log())
    assert (kept.verdict.action, kept.verdict.cause) == ("retrain", "gain"), kept.verdict.sentence
    assert "would be" in kept.verdict.sentence and verdicts.newest(NAME)[0] == kept
    assert newest_window.known(open_store, NAME) is None, "no day is judged, and none is made up"
    hashed = weigh(NAME, champion, (), Retrain(), Log(columns={"kind": "hash"})).verdict
    assert hashed.action != "retrain" and any("'kind'" in each for each in hashed.evidence)


def test_a_request_whose_reason_is_gone_is_withdrawn(open_store: Path) -> None:
    now = datetime.now(UTC)
    asked = requests.ask(NAME, Verdict(action="retrain", cause="gain", sentence="Train anew."), now)
    for action in ("watch", "healthy"):
        verdict = Verdict(action=action, sentence=f"{action}.")
        number = verdicts.keep(NAME, now, "1", None, verdict)
        requesting.act(NAME, verdicts.Kept(id=number, at=now, version="1", window=None, verdict=verdict))
        found = requests.still_open(NAME)
        assert (found is not None and found.id == asked.id) is (action == "watch")
