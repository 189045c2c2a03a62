"""A small project whose meaning changes, for the tests of the replay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

MakeProject = Callable[..., Path]
START = datetime(2025, 1, 1, tzinfo=UTC)


def rows(n_days: int = 84, a_day: int = 30, turn: int = 28) -> pl.DataFrame:
    """Rows whose target depends on x, and from day `turn` on the other way round."""
    random, n_rows = np.random.default_rng(3), n_days * a_day
    day = np.arange(n_rows) / a_day
    x, z = random.normal(size=n_rows), random.normal(size=n_rows)
    sign = np.where(day >= turn, -1.0, 1.0)
    y = np.where(sign * x + 0.3 * random.normal(size=n_rows) > 0, "yes", "no")
    moments = [START + timedelta(days=each) for each in day.tolist()]
    return pl.DataFrame({"came": [f"{each:%Y-%m-%d %H:%M:%S}" for each in moments], "x": x, "z": z, "y": y})


@pytest.fixture(scope="session")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> MakeProject:
    """A function that writes a project of these rows."""

    def make(frame: pl.DataFrame, name: str = "turn", said: str = "split: {by: time, column: came}") -> Path:
        folder = tmp_path_factory.mktemp(name)
        (folder / ".keepfit").mkdir()
        frame.write_csv(folder / "rows.csv")
        text = f"name: turn\nsource: rows.csv\ntarget: y\nmetric: accuracy\nmodels: [boosting]\n{said}\n"
        (folder / "project.yaml").write_text(text)
        return folder

    return make
