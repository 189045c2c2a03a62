"""A reference that knows its own training rows, that lost its days, or that no champion finds again."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.core import store
from tasks.core.errors import DataError, Unavailable
from tasks.monitoring import kept
from tasks.monitoring.incidents import Facts
from tasks.monitoring.profile import from_bytes
from tasks.monitoring.section import Monitor
from tasks.reference import reference
from tasks.serving.section import Log
from tests.watched import Trained, dated_rows, trained


@pytest.fixture
def model(open_store: Path) -> Trained:
    return trained(dated_rows(20, 60), Monitor(time="when"))


def test_rows_without_an_answer_of_their_own_are_left_out(open_store: Path) -> None:
    rows = dated_rows(20, 60)
    made = trained(rows, Monitor(time="when"), answered=0.5, told_apart=True)
    splits = made.splits.splits
    known = splits.train.n_rows + splits.validation.n_rows
    assert made.profile.n_rows == pytest.approx(known / 2 + splits.test.n_rows, abs=1)
    seen = store.scan(made.profile.views).collect()
    # What tuning said, and not what the model says of rows that it has learnt.
    assert set(seen["probability · yes"].round(6).unique()) <= {0.25, 0.75}


def test_the_days_of_the_rows_are_known_and_the_moment_itself_is_not_watched(model: Trained) -> None:
    profile = model.profile
    found = from_bytes(store.path(profile.profile).read_bytes())
    assert profile.n_days == len(found.days) == 20 and profile.n_rows == found.total.n_rows
    assert "90 days" in profile.promise and not any(name.startswith("when") for name in found.cells.names)
    assert {"x", "kind", "prediction", "probability · yes"} <= set(found.cells.names)
    assert [each.column for each in profile.least] == list(found.cells.names)
    facts = Facts.model_validate_json(store.path(profile.facts).read_bytes())
    assert facts.timing is not None and facts.timing.n_days == 20


def test_without_a_column_of_dates_nothing_is_promised(open_store: Path) -> None:
    rows = dated_rows(20, 60)
    assert "No promise" in trained(rows, Monitor()).profile.promise
    with pytest.raises(DataError, match=r"monitor: \{time: kind\}.*expected a column of dates.*found text"):
        trained(rows, Monitor(time="kind"))
    with pytest.raises(DataError, match="no such column"):
        trained(rows, Monitor(time="wen"))


def test_a_hashed_column_is_watched_by_its_presence_and_a_dropped_one_not_at_all(open_store: Path) -> None:
    rows = dated_rows(20, 60)
    profile = trained(rows, Monitor(time="when"), Log(columns={"kind": "hash", "x": "drop"})).profile
    names = from_bytes(store.path(profile.profile).read_bytes()).cells.names
    assert "kind · present" in names and not {"x", "x · present", "kind"} & set(names)
    facts = Facts.model_validate_json(store.path(profile.facts).read_bytes())
    assert not {"kind", "x"} & {column.name for column in facts.columns}


def test_the_same_rows_give_the_same_reference_and_it_is_found_by_the_model(model: Trained) -> None:
    again = reference.fn(*model.arguments)
    assert again == model.profile
    kept.keep("ab" * 32, again)
    assert kept.known("ab" * 32) == again
    with pytest.raises(Unavailable, match=r"cdcd.* cannot be watched.*Run `keepfit train` again"):
        kept.known("cd" * 32)
    store.path(again.profile).unlink()
    with pytest.raises(Unavailable, match="files are not in the store"):
        kept.known("ab" * 32)


@pytest.mark.parametrize(
    ("said", "a_year"), [("1 per year", 1), ("2 per month", 24), ("1 a week", 365 / 7), (3, 3), ("0.5 per year", 0.5)]
)
def test_false_alarms_are_said_in_words_or_as_a_number(said: str | float, a_year: float) -> None:
    assert Monitor(false_alarms=said).false_alarms == pytest.approx(a_year)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("said", ["often", "1 per day", "per year", 0, "0 per year", -1])
def test_false_alarms_that_cannot_be_are_refused(said: str | float) -> None:
    with pytest.raises(ValueError, match="false_alarms"):
        Monitor(false_alarms=said)  # pyright: ignore[reportArgumentType]


def test_dates_that_are_missing_make_rows_of_no_day(open_store: Path) -> None:
    rows = dated_rows(20, 60)
    gone = rows.with_columns(pl.when(pl.int_range(pl.len()) % 10 > 0).then("when"))
    profile = trained(gone, Monitor(time="when")).profile
    assert profile.n_rows == rows.height and profile.n_days == 20
