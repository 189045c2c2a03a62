"""One truth about what serves: after a kill between any two steps, two at once, and a hand in MLflow."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core import database, ledger, promotion, roles, tracking
from tasks.core.errors import Refused
from tasks.core.model_records import Champion
from tests.conftest import Register


def promote(model: Champion, expected: Champion | None, decision: str = "champion") -> ledger.Entry:
    return promotion.move(
        "ship",
        model.version,
        model.artifact.digest,
        decision,  # type: ignore[arg-type]
        "promote",
        "better",
        {"run": "x"},
        expected.version if expected else None,
    )


def assert_serves(model: Champion, number: int) -> None:
    """Ledger, alias, tag and file say the same, and nothing is left to be done."""
    entry = ledger.serving_since("ship")
    assert entry is not None and (entry.version, entry.digest, entry.number) == (
        *(model.version, model.artifact.digest),
        number,
    )
    standing = tracking.standing("ship")
    assert (standing.champion, standing.number, standing.database) == (model.version, number, database.identity())
    known = roles.known("ship")
    assert known is not None and (known.champion, known.number) == (model, number)
    assert promotion.reconcile("ship") == "" and ledger.serving_since("ship") == entry


def n_entries() -> int:
    return len(ledger.entries("ship", limit=None))


def test_a_move_reaches_ledger_alias_tag_and_file(register: Register) -> None:
    one, two = register(b"one"), register(b"two")
    assert promotion.reconcile("ship") == ""
    first = promote(one, None)
    assert (first.number, first.previous, first.cause, first.why, first.evidence) == (
        *(1, None, "promote", "better"),
        {"run": "x"},
    )
    assert_serves(one, 1)
    assert promote(two, one).previous == one.version
    assert_serves(two, 2)
    assert promote(one, two, "rollback").decision == "rollback"
    assert_serves(one, 3)


def test_a_move_away_from_what_serves_no_longer_undoes_what_was_decided_meanwhile(register: Register) -> None:
    one, two, three = register(b"one"), register(b"two"), register(b"three")
    promote(one, None)
    promote(two, one)
    said = rf"Version 3 .* expected version 1 to serve still, found version 2, which {ledger.present_actor()} made"
    with pytest.raises(Refused, match=said):
        promote(three, one)
    with pytest.raises(Refused, match="expected that nothing serves yet, found version 2"):
        promote(three, None)
    assert_serves(two, 2)


def test_an_alias_from_before_the_ledger_is_forgotten(register: Register) -> None:
    one = register(b"one")
    tracking.set_alias("ship", "champion", one.version)
    assert promotion.reconcile("ship") == "It served when this ledger began: version 1 is the champion."
    assert_serves(one, 1)
    entry = ledger.serving_since("ship")
    assert entry is not None and (entry.cause, entry.actor) == ("mlflow", "unknown")


def test_an_alias_that_was_moved_in_mlflow_is_moved_back(register: Register) -> None:
    one, two = register(b"one"), register(b"two")
    promote(one, None)
    tracking.set_alias("ship", "champion", two.version)
    assert promotion.reconcile("ship") == ("The alias was moved in MLflow: version 2 is the champion, no longer 1.")
    assert_serves(two, 2)
    assert ledger.entries("ship")[0].previous == "1"


def test_an_alias_that_was_taken_away_in_mlflow_comes_back_or_blocks_the_next(register: Register) -> None:
    one, two = register(b"one"), register(b"two")
    promote(one, None)
    tracking.drop_alias("ship", "champion")
    assert "taken away in MLflow: nothing serves" in promotion.reconcile("ship")
    assert promotion.reconcile("ship") == "" and n_entries() == 2
    foreign = tracking.client().create_model_version("ship", "file:///elsewhere").version
    tracking.set_alias("ship", "champion", str(foreign))
    assert promotion.reconcile("ship") == "" and tracking.standing("ship").champion == str(foreign)
    promote(two, None)
    assert_serves(two, 3)


def test_a_ledger_of_another_home_undoes_what_this_one_decided(
    register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = register(b"one"), register(b"two"), register(b"three")
    promote(one, None)
    promote(two, one)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("KEEPFIT_DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
        promotion.reconcile("ship")
        promote(three, two)
        assert_serves(three, 2)
    assert "moved in MLflow: version 3" in promotion.reconcile("ship")
    assert_serves(three, 3)


def test_an_old_home_whose_alias_was_moved_gets_its_last_entry_back(register: Register) -> None:
    one, two = register(b"one"), register(b"two")
    ledger.append("ship", "champion", two.version, two.artifact.digest, actor="")  # as a migrated row is
    tracking.set_alias("ship", "champion", one.version)
    assert "version 1 is the champion, no longer 2" in promotion.reconcile("ship")
    assert_serves(one, 2)


def test_a_file_that_was_lost_stays_away(register: Register) -> None:
    one = register(b"one")
    promote(one, None)
    roles.file("ship").unlink()
    assert promotion.reconcile("ship") == ""
    assert_serves(one, 1)


def test_a_refused_model_is_written_down_at_every_run(register: Register) -> None:
    one, two = register(b"one"), register(b"two", decision="refused")
    for _ in range(2):
        promotion.challenge("ship", two.version, two.artifact.digest, "refused", "drift", "", {})
    assert n_entries() == 1 and roles.known("ship") is None  # there is no champion that it could challenge
    promote(one, None)
    for _ in range(2):
        promotion.challenge("ship", two.version, two.artifact.digest, "refused", "drift", "", {})
    assert [entry.decision for entry in ledger.entries("ship")] == ["refused", "champion", "refused"]
    found = roles.known("ship")
    assert found is not None and (found.challenger, found.challenger_refused) == (two, True)
    promote(two, one)
    promote(one, two, "rollback")  # what was rolled back from does not come back as the challenger
    found = roles.known("ship")
    assert found is not None and (found.champion, found.challenger) == (one, None)


def test_a_rollback_goes_to_what_was_rolled_back_from(register: Register) -> None:
    one, two, three = register(b"one"), register(b"two"), register(b"three")
    assert promotion.earlier("ship") is None
    promote(one, None)
    assert promotion.earlier("ship") is None
    promote(two, one)
    promote(three, two)
    back = promotion.earlier("ship")
    assert back is not None and back.version == two.version
    promote(two, three, "rollback")
    assert [*promotion.rolled_back("ship")] == [three.version]
    back = promotion.earlier("ship")
    assert back is not None and back.version == one.version
    promote(one, two, "rollback")
    assert promotion.earlier("ship") is None
    promote(three, one)  # somebody knew better
    assert [*promotion.rolled_back("ship")] == [two.version]
    back = promotion.earlier("ship")
    assert back is not None and back.version == one.version


# Real processes

ZYGOTE = """
import os, signal, sys
from pathlib import Path
import mlflow
from tasks.core import promotion, roles, store, tracking
for line in sys.stdin:
    module, name, *move = line.split()
    if (child := os.fork()) == 0:
        setattr({"tracking": tracking, "roles": roles}[module], name, lambda *a: os.kill(os.getpid(), signal.SIGKILL))
        with store.opened(Path(sys.argv[1])):
            promotion.move("ship", *move[:2], "champion", "promote", "", {}, move[2])
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
RACER = """
import sys
from pathlib import Path
from tasks.core import promotion, store, tracking
from tasks.core.errors import Refused
with store.opened(Path(sys.argv[1])):
    tracking.standing("ship")
    print("ready", flush=True)
    for line in sys.stdin:
        version, digest, expected = line.split()
        try:
            promotion.move("ship", version, digest, "champion", "promote", "", {}, expected)
            print("won", flush=True)
        except Refused as exc:
            print(exc, flush=True)
"""


class Child:
    """A process that is told a line and answers one."""

    def __init__(self, code: str, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@pytest.mark.slow
def test_a_kill_between_two_steps_leaves_two_truths(database_url: str, register: Register, open_store: Path) -> None:
    models = [register(name) for name in (b"one", b"two", b"three", b"four")]
    promote(models[0], None)
    child = Child(ZYGOTE, open_store)
    # Before the alias, before the tag, before the file.
    steps = [("tracking", "set_alias"), ("tracking", "mark"), ("roles", "refresh")]
    for number, (step, model) in enumerate(zip(steps, models[1:], strict=True), 2):
        before = models[number - 2]
        child.tell(*step, model.version, model.artifact.digest, before.version)
        assert child.answer() == str(-signal.SIGKILL), step
        assert n_entries() == number
        known = roles.known("ship")
        assert known is not None and known.champion == before, "servers go on with what they had"
        told = promotion.reconcile("ship")
        assert ("was interrupted" in told) is (step[0] == "tracking"), told
        assert_serves(model, number)
    child.end()


@pytest.mark.slow
def test_two_processes_that_promote_at_once_both_win(database_url: str, register: Register, open_store: Path) -> None:
    models = [register(name) for name in (b"one", b"two", b"three")]
    promote(models[0], None)
    racers, serving = [Child(RACER, open_store) for _ in range(2)], models[0]
    assert [racer.answer() for racer in racers] == ["ready"] * 2
    for number in range(2, 10):
        asked = [model for model in models if model != serving]
        for racer, model in zip(racers, asked, strict=True):
            racer.tell(model.version, model.artifact.digest, serving.version)
        answers = [racer.answer() for racer in racers]
        assert answers.count("won") == 1, answers
        winner = asked[answers.index("won")]
        lost = answers[1 - answers.index("won")]
        assert f"found version {winner.version}, which {ledger.present_actor()} made the champion" in lost
        assert_serves(winner, number)
        serving = winner
    for racer in racers:
        racer.end()
