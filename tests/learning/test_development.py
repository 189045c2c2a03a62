"""No model is judged by rows that it saw, and in time none by rows of its past."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.core import store
from tasks.core.splits import BEFORE_GAP
from tasks.learning import development


def frame(n_rows: int) -> pl.DataFrame:
    return pl.DataFrame({"when": np.arange(n_rows, dtype=float), "y": np.arange(n_rows, dtype=float) * 2})


@pytest.mark.parametrize("in_time", [False, True])
def test_every_round_scores_rows_that_it_does_not_fit_and_none_twice(
    in_time: bool, open_store: Path, make_splits: Any
) -> None:
    data = development.load(make_splits(frame(200), "y", in_time=in_time).splits)
    for turn in data.rounds:
        assert not set(turn.fit) & set(turn.score)
        if in_time:
            assert data.x[turn.fit, 0].max() < data.x[turn.score, 0].min()
    assert len(set(data.scored)) == len(data.scored)
    expected = len(data.y) - (data.n_train // 4 if in_time else 0)  # nothing comes before the first block of time
    assert len(data.scored) == expected
    np.testing.assert_array_equal(data.rounds[-1].score, np.arange(data.n_train, len(data.y)))


def test_a_row_within_the_gap_is_fitted_for_the_fold_after_it_or_for_none(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(200), "y", in_time=True).splits
    train = store.scan(splits.train).collect()
    marked = train["when"].to_numpy() % 32 >= 27  # the last five of each fold of 32
    fold = train["__fold__"] + pl.Series(marked).cast(pl.UInt8) * BEFORE_GAP
    rows = train.with_columns(fold.alias("__fold__")).to_arrow()
    gapped = store.dataset("train", store.put_parts(rows.to_batches(), rows.schema), splits.train.columns)
    plain, data = development.load(splits), development.load(splits.model_copy(update={"train": gapped}))
    assert len(data.rounds) == len(plain.rounds) == 4
    for turn, whole in zip(data.rounds[:-1], plain.rounds[:-1], strict=True):
        np.testing.assert_array_equal(turn.score, whole.score)
        assert data.x[turn.fit, 0].max() == data.x[turn.score, 0].min() - 6
        assert len(whole.fit) - len(turn.fit) == 5
    np.testing.assert_array_equal(data.rounds[-1].fit, plain.rounds[-1].fit)


def test_many_rows_are_judged_by_the_validation_rows_alone(
    open_store: Path, make_splits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(development, "CROSS_VALIDATED_ROWS", 20)
    data = development.load(make_splits(frame(200), "y").splits, most_rows=60)
    assert len(data.rounds) == 1
    assert 20 < data.n_train < 100
    assert data.n_rows == 160


def test_samples_are_raw_rows_as_json(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(pl.DataFrame({"name": ["é", None] * 20, "y": np.arange(40.0)}), "y").splits
    assert set(development.samples(splits, 4)) <= {'{"name":"é"}', '{"name":null}'}
    assert len(development.samples(splits, 4)) == 4
