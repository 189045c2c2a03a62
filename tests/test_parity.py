"""Training and serving see the same: each row of each example, as the model API gets it, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.check import check
from tasks.collect import collect
from tasks.core import store
from tasks.core.imports import ROOT
from tasks.core.model_records import ModelCard
from tasks.core.records import Dataset, Splits
from tasks.modalities.matrix import matrix
from tasks.prepare import prepare
from tasks.project import load_project
from tasks.scoring.inputs import as_json
from tasks.serving.schema import RowSchema

EXAMPLES = sorted(file.parent.name for file in (ROOT / "data").glob("*/project.yaml"))
ROWS = 1_000


def batches(part: Dataset) -> Iterator[pl.DataFrame]:
    for batch in store.batches(part, rows=ROWS):
        yield pl.DataFrame(batch)


def card_of(splits: Splits) -> ModelCard:
    return ModelCard(
        project="parity",
        target=splits.target,
        metric="log_loss",
        inputs=splits.inputs,
        features=splits.features,
        members=(),
        data_digest="",
        sample=(),
    )


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_row_of_a_request_becomes_other_floats_than_it_was_trained_on(example: str, tmp_path: Path) -> None:
    with store.opened(tmp_path / "home"):
        project = load_project(ROOT / "data" / example)
        raw = check.fn(collect.fn(project.source), project.expectations.raw, project.checking)
        splits = prepare.fn(raw, project.preparation)
        schema = RowSchema(card_of(splits))
        names = [column.name for column in splits.inputs]
        n_rows = 0
        for part in (splits.train, splits.validation, splits.test):
            for frame in batches(part):
                trained = matrix(frame, splits.features)
                body = f"[{','.join(as_json(frame.select(names)))}]".encode()
                served = np.array(schema.packed(schema.read(body)[0])[1])
                different = (trained.view(np.uint64) != served.view(np.uint64)) & ~(
                    np.isnan(trained) & np.isnan(served)
                )
                assert not different.any(), (frame[int(np.argwhere(different)[0][0])], np.argwhere(different)[0])
                n_rows += frame.height
        assert n_rows == splits.train.n_rows + splits.validation.n_rows + splits.test.n_rows > 100
