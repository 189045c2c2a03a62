"""A kill may come at any byte: what was whole counts, and nothing else does."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core import store
from tasks.learning.journal import KEPT_SECONDS, Journal, Trial


def trial(number: int) -> Trial:
    answers = np.full((4, 2), number / 10)
    return Trial(number, "tree", {"depth": number}, {"depth": number}, 0.1 + number, 0.3, "finished", "", answers)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1))
def test_a_journal_cut_anywhere_keeps_what_was_whole_and_can_be_continued(place: float) -> None:
    with tempfile.TemporaryDirectory() as folder, store.opened(Path(folder)) as home:
        journal = Journal("key")
        for number in range(4):
            journal.add(trial(number), spent=1.0)
            journal.spend(0.5)
        path = home / "tuning" / "key" / "journal.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole[: int(place * len(whole))])
        cut = Journal("key")
        kept = [number for number in range(4) if cut.trial(number)]
        assert kept == list(range(len(kept)))
        for number in kept:
            assert cut.trial(number) == trial(number)
            np.testing.assert_array_equal(cut.trial(number).answers, trial(number).answers)  # type: ignore[union-attr]
        cut.add(trial(7), spent=1.0)
        again = Journal("key")
        assert again.trial(7) == trial(7)
        assert again.spent == cut.spent
        assert [number for number in range(4) if again.trial(number)] == kept


def test_a_trial_whose_answers_are_damaged_is_run_again(open_store: Path) -> None:
    Journal("key").add(trial(0), spent=1.0)
    (open_store / "tuning" / "key" / "0.npy").write_bytes(b"\x93NUMPY half of it")
    assert Journal("key").trial(0) is None


def test_failed_trials_are_remembered_with_their_reason(open_store: Path) -> None:
    failed = Trial(0, "neural", {}, {}, None, 0.1, "failed", "ValueError: too few rows")
    Journal("key").add(failed, spent=0.1)
    assert Journal("key").trial(0) == failed


def test_tunings_of_last_week_do_not_fill_the_disk(open_store: Path) -> None:
    for key in ("old", "new"):
        Journal(key).add(trial(0), spent=1.0)
    long_ago = (open_store / "tuning" / "old").stat().st_mtime - KEPT_SECONDS - 60
    os.utime(open_store / "tuning" / "old", (long_ago, long_ago))
    Journal("now")
    assert sorted(path.name for path in (open_store / "tuning").iterdir()) == ["new", "now"]


@pytest.mark.parametrize("line", [b"[]", b"1", b'{"spent": "x"}', b"\xff\xfe", b'{"trial": {}, "spent": 1}'])
def test_a_strange_line_is_skipped(line: bytes, open_store: Path) -> None:
    Journal("key").add(trial(0), spent=1.0)
    path = open_store / "tuning" / "key" / "journal.jsonl"
    path.write_bytes(line + path.read_bytes() + b"\n" + line)
    assert Journal("key").trial(0) == trial(0)
