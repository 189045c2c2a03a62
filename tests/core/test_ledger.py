"""What the ledger tells is what was decided, in order; what served is told from what did not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.core import ledger
from tasks.core.errors import Refused

pytestmark = pytest.mark.usefixtures("database_url")


def test_a_decision_comes_back_as_it_was_made() -> None:
    evidence = {"gates": [{"held": True, "sentence": "Besser als „nichts“"}], "reasons": ("a", "b"), "metric": "rmse"}
    entry = ledger.append("ship", "champion", "1", "aa", cause="drift", why="it's 50 % :better", evidence=evidence)
    assert ledger.entries("ship") == [entry]
    assert entry.evidence == evidence | {"reasons": ["a", "b"]}
    assert entry.at.tzinfo is UTC and abs(datetime.now(UTC) - entry.at) < timedelta(minutes=1)
    assert "@" in entry.actor and entry.actor == ledger.present_actor()


def test_numbers_count_within_a_project_and_the_newest_comes_first() -> None:
    for project in ("ship", "boat", "ship"):
        ledger.append(project, "refused", "1", "aa")
    assert [entry.number for entry in ledger.entries("ship")] == [2, 1]
    assert [entry.number for entry in ledger.entries("ship", limit=1)] == [2]
    assert [entry.number for entry in ledger.entries("boat")] == [1]
    assert ledger.entries("raft") == [] and ledger.serving_since("raft") is None


def test_what_serves_is_not_told_from_what_was_refused() -> None:
    ledger.append("ship", "champion", "1", "aa")
    serving = ledger.append("ship", "champion", "2", "bb", previous="1")
    for decision in ("refused", "challenger", "canary_started", "canary_ended", "load_failed"):
        ledger.append("ship", decision, "3", "cc")  # type: ignore[arg-type]
    assert ledger.serving_since("ship") == serving and serving.serves == "2"
    back = ledger.append("ship", "rollback", "1", "aa", previous="2")
    assert ledger.serving_since("ship") == back
    gone = ledger.append("ship", "withdrawn", "1", "aa", previous="1")
    assert ledger.serving_since("ship") == gone and gone.serves is None
    assert [entry.number for entry in ledger.entries("ship", version="3", decisions=["refused"])] == [3]


def test_a_decision_that_is_ruled_out_leaves_a_row() -> None:
    ledger.append("ship", "champion", "1", "aa")

    def never(now: ledger.Entry | None) -> None:
        assert now is not None and now.version == "1"
        raise Refused("no")

    with pytest.raises(Refused):
        ledger.append("ship", "champion", "2", "bb", unless=never)
    assert [entry.version for entry in ledger.entries("ship")] == ["1"]
