"""Prepared rows as numbers, for use elsewhere: all there, finite, and no row encoded by its own target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flows.cli import main
from tasks.core.records import CheckedSplits
from tasks.learning import encoded
from tests.conftest import MakeSplits

PARTS = ("train", "validation", "test")


def rows(n_rows: int = 600, n_levels: int = 5) -> pl.DataFrame:
    luck = np.random.default_rng(3)
    level = luck.integers(0, n_levels, n_rows)
    age = np.where(luck.random(n_rows) < 0.1, None, luck.normal(40, 12, n_rows).round(1))
    frame = pl.DataFrame({"age": age.tolist(), "kind": [f"k{each}" for each in level]}, schema_overrides={"age": float})
    return frame.with_columns(pl.Series("y", luck.choice(["no", "yes"], n_rows)))


def encoding_of(checked: CheckedSplits) -> dict[str, pl.DataFrame]:
    made = encoded.encoding(checked.splits, seed=0)
    return {name: pl.concat(made.rows(getattr(checked.splits, name), name == "train")) for name in PARTS}


@pytest.mark.usefixtures("open_store")
def test_a_row_is_lost_or_a_number_is_not_finite(make_splits: MakeSplits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded, "ROWS_AT_ONCE", 50)
    checked = make_splits(rows(), "y")
    made = encoding_of(checked)
    assert made["train"].columns[-1] == "y"
    assert {"age", "age is missing", "kind=k0", "kind=k4"} <= set(made["train"].columns)
    for name in PARTS:
        part = getattr(checked.splits, name)
        assert made[name].height == part.n_rows
        assert made[name].drop("y").select(pl.all().is_finite().all()).row(0) == (True,) * (made[name].width - 1)
    assert abs(made["train"]["age"].mean()) < 1e-9
    one_hot = made["test"].select(pl.selectors.starts_with("kind=")).sum_horizontal()
    assert one_hot.unique().to_list() == [1.0]


@pytest.mark.usefixtures("open_store")
def test_a_row_is_encoded_by_its_own_target(make_splits: MakeSplits, monkeypatch: pytest.MonkeyPatch) -> None:
    # 200 levels of three rows each and a target by chance: a mean over the row itself would tell its target.
    checked = make_splits(rows(n_levels=200), "y")
    told = {}
    for few in (1_000, 100):
        monkeypatch.setattr(encoded, "FITTED_ROWS", few)
        train = encoding_of(checked)["train"]
        told[few] = abs(np.corrcoef(train["kind"], train["y"] == "yes")[0, 1])
    assert told[1_000] < 0.15 < told[100], "fitted on a part of the rows, these do know their targets"


def test_prepared_rows_are_not_those_that_a_model_learns_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "titanic"
    folder.mkdir()
    lines = "".join(f"{i % 50},{'fm'[i % 2]},{i % 3 % 2}\n" for i in range(400))
    (folder / "rows.csv").write_text(f"age,sex,survived\n{lines}")
    (folder / "project.yaml").write_text("name: small\nsource: rows.csv\ntarget: survived\nduplicates: keep\n")
    for more in ([], ["--scaled"]):
        with pytest.raises(SystemExit) as ended:
            main(["prepare", str(folder), "--output", str(tmp_path / "out"), *more])
        assert ended.value.code == 0
        parts = {name: pl.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in PARTS}
        assert sum(part.height for part in parts.values()) == 400
        assert ("sex" in parts["train"].columns) is (not more)
    with pytest.raises(SystemExit) as ended:
        main(["prepare", str(folder), "--output", str(folder / "rows.csv")])
    assert ended.value.code == 2
