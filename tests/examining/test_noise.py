"""What looks wrong is counted over all rows, shown with its rows, and never removed."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.collect import collect
from tasks.core import store
from tasks.core.noise import LabelAudit, Noise
from tasks.core.records import CheckedDataset, CheckedSplits, Dataset, QualityReport
from tasks.examine import audit_labels, examine
from tasks.examining import noise as examining
from tasks.examining.located import located
from tasks.prepare import Preparation, prepare
from tasks.sources import Parquet

pytestmark = pytest.mark.usefixtures("open_store")
N = 3000


def dataset(frame: pl.DataFrame, **columns: dict[str, Any]) -> Dataset:
    """The rows as they are collected, with what is said of some columns."""
    frame.write_parquet(store.home() / "rows.parquet")
    found = collect.fn(Parquet(path=store.home() / "rows.parquet"))
    said = (column.model_copy(update=columns.get(column.name, {})) for column in found.columns)
    return found.model_copy(update={"columns": tuple(said)})


def steps(frame: pl.DataFrame, target: str = "y", **said: Any) -> tuple[CheckedDataset, CheckedSplits]:
    report = QualityReport(suite="raw", n_rows=len(frame), evaluated=1, failed=(), n_quarantined=0, quarantined=None)
    checked = CheckedDataset(dataset=dataset(frame), report=report)
    splits = prepare.fn(checked, Preparation(**{"target": target, "keep": ["x"], **said}))
    return checked, CheckedSplits(splits=splits, reports=())


def examined(frame: pl.DataFrame, **said: Any) -> Noise:
    return inspect.unwrap(examine.fn)(*steps(frame, **said))


def table(**columns: Any) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    every = {"x": generator.normal(size=N), "kind": generator.choice(["a", "b", "c"], N), "y": np.arange(N) % 2}
    return pl.DataFrame({**every, **columns}, strict=False)


def rows(blob: Any) -> pl.DataFrame:
    return pl.read_parquet(store.path(blob))


def test_a_clean_table_is_noisy() -> None:
    found = examined(table())
    assert found.oddities == () and found.rows is None and found.conflicts is None


@pytest.mark.parametrize("sampled", [100_000, 500])
def test_rows_outside_the_sample_are_not_counted_or_not_shown(sampled: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examining, "SAMPLED", sampled)
    values = np.random.default_rng(1).normal(100, 5, N)
    values[[1, 1000, 2999]] = [300, 2000, 400]
    found = examined(table(z=values))
    assert found.n_rows == N and found.n_sampled == min(N, sampled)
    (odd,) = found.oddities
    assert (odd.kind, odd.column, odd.n_rows, odd.first, odd.last) == ("outliers", "z", 3, 2, 3000)
    assert odd.share == 3 / N
    shown = rows(found.rows)
    assert shown["row"].to_list() == [1001, 3000, 2]
    assert shown["value"].to_list() == ["2,000", "400", "300"]
    assert '"kind"' in shown["others"][0]


def test_a_block_of_another_unit_is_named_with_its_rows() -> None:
    values = np.random.default_rng(2).normal(70, 6, N)
    values[500:900] *= 1000
    (odd,) = examined(table(weight=values)).oddities
    assert (odd.kind, odd.n_rows, odd.first, odd.last) == ("units", 400, 501, 900)


def test_a_column_is_reported_twice_or_one_that_names_rows_at_all() -> None:
    age = np.random.default_rng(3).integers(20, 60, N).astype(float)
    age[5] = 9999
    frame = table(age=age)
    (odd,) = examined(frame).oddities
    assert odd.kind == "impossible"
    identified = dataset(frame, age={"identifier": True})
    assert examining.oddities(identified)[0] == ()


def test_a_value_that_stands_for_a_missing_one_is_an_outlier() -> None:
    score = np.random.default_rng(4).normal(50, 5, N)
    score[::20] = -999
    assert [odd.column for odd in examining.oddities(dataset(table(score=score)))[0]] in (["score"], [])
    told = dataset(table(score=score), score={"missing_values": ("-999",)})
    assert examining.oddities(told)[0] == ()


def test_dates_far_from_the_others_are_missed_or_break_the_report() -> None:
    days = pl.Series(np.random.default_rng(5).integers(17_000, 19_000, N)).cast(pl.Date)
    days[7] = pl.Series([86_000]).cast(pl.Date)[0]
    (odd,) = examined(table(day=days)).oddities
    assert (odd.column, odd.first, odd.last) == ("day", 8, 8)
    assert "20" in odd.text


def test_strange_columns_break_it() -> None:
    strange = table(
        nothing=[None] * N,
        infinite=[float("inf"), float("nan")] * (N // 2),
        huge=np.where(np.arange(N) % 2 == 0, 1e308, -1e308),
        tiny=np.full(N, 5e-324),
        bytes=[b"\x00"] * N,
        truth=[True, None] * (N // 2),
    )
    assert all(odd.n_rows for odd in examining.oddities(dataset(strange))[0])


# Conflicts


def test_contradictions_are_miscounted_or_their_limit_is_wrong() -> None:
    frame = pl.DataFrame({"x": [*range(500), 1, 1, 2], "y": ["a", "b"] * 250 + ["a", "a", "a"]})
    found = examined(frame, duplicates="keep").conflicts
    # x = 1 is b, a and a; x = 2 is a and a.
    assert found is not None
    assert (found.n_judged, found.n_groups, found.n_rows, found.metric) == (503, 1, 3, "accuracy")
    assert found.best == pytest.approx(1 - 1 / 503)
    shown = rows(examined(frame, duplicates="keep").groups)
    assert shown.select("answer", "n_rows").rows() == [("a", 2), ("b", 1)]
    assert shown["inputs"][0] == '{"x": "1"}'


def test_a_column_that_the_model_does_not_see_tells_rows_apart() -> None:
    frame = pl.DataFrame({"x": [i % 250 for i in range(500)], "y": ["a"] * 250 + ["b"] * 250, "name": range(500)})
    assert examined(frame, keep=["x", "name"]).conflicts is None
    found = examined(frame, drop=["name"]).conflicts
    assert found is not None and found.best == 0.5 and found.n_rows == 500
    assert "too few" in found.advice


def test_the_least_error_of_a_regression_is_wrong() -> None:
    frame = pl.DataFrame(
        {"x": [i // 2 for i in range(400)], "y": [i // 2 + (1.5 if i % 2 else -1.5) for i in range(400)]}
    )
    found = examined(frame).conflicts
    assert found is not None and found.metric == "rmse"
    assert found.best == pytest.approx(1.5)


# Labels


def answered(
    checked: CheckedDataset, splits: CheckedSplits, say: Any, rng: np.random.Generator
) -> tuple[LabelAudit, pl.DataFrame]:
    """The audit of what `say` makes of each training row; and the rows that it shows."""
    train = store.scan(splits.splits.train).collect()
    target = splits.splits.target
    if target.problem == "regression":
        given = train[target.name].to_numpy()
        columns = {"said": say(train) + rng.normal(0, 0.1, len(train))}
    else:
        given = np.array([target.classes.index(name) for name in train[target.name]])
        right = say(train)
        sure = np.clip(rng.beta(60, 1, len(train)), 0.85, 0.999)
        columns = {f"p{place}": np.where(right == place, sure, 1 - sure) for place in range(2)}
    table = pl.DataFrame({"__row__": train["__row__"], "given": given} | columns)
    audit = inspect.unwrap(audit_labels.fn)(checked, splits, store.put_table(table))
    return audit, rows(audit.rows) if audit.rows else pl.DataFrame()


def test_wrong_labels_are_missed_or_their_rows_are_others() -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=2000)
    truth = np.where(x > 0, "yes", "no")
    wrong = rng.random(2000) < 0.05
    frame = pl.DataFrame({"x": x, "__file__": [f"{i}.png" for i in range(2000)]}).with_columns(
        y=pl.Series(np.where(wrong, np.where(truth == "yes", "no", "yes"), truth))
    )
    audit, shown = answered(*steps(frame), lambda train: (train["x"] > 0).cast(int).to_numpy(), rng)
    assert audit.n_judged > 1000 and audit.n_rows == len(shown)
    places = shown["row"].to_numpy() - 1
    assert wrong[places].mean() > 0.95
    assert wrong[places].sum() > 0.8 * wrong.sum() * audit.n_judged / len(frame)
    assert shown["__file__"].to_list() == [f"{place}.png" for place in places]
    assert shown["given"].to_list() == frame["y"].gather(places).to_list()
    assert all(likely != given for likely, given in zip(shown["likely"], shown["given"], strict=True))
    assert "likely wrong" in audit.advice


def test_right_labels_are_doubted() -> None:
    rng = np.random.default_rng(7)
    frame = pl.DataFrame({"x": rng.normal(size=1000)}).with_columns(y=pl.when(pl.col("x") > 0).then(1).otherwise(0))
    audit, _ = answered(*steps(frame), lambda train: (train["x"] > 0).cast(int).to_numpy(), rng)
    assert audit.n_rows == 0 and audit.rows is None and audit.advice == ""


def test_a_value_far_from_what_is_likely_is_missed_or_a_hard_region_is_doubted() -> None:
    rng = np.random.default_rng(8)
    x = rng.uniform(20, 100, 2000)
    y = x + rng.normal(0, 0.02 * x)  # large values are less certain
    y[:100] += 40
    frame = pl.DataFrame({"x": x, "y": y})
    checked, splits = steps(frame)
    audit, shown = answered(checked, splits, lambda train: train["x"].to_numpy(), rng)
    planted = store.scan(splits.splits.train).filter(pl.col("y") > pl.col("x") + 20).collect().height
    assert (shown["row"].head(planted) <= 100).all() and planted > 50
    assert planted <= len(shown) <= planted + 10
    assert audit.n_rows == len(shown)


def test_rows_of_equal_inputs_are_mixed_up() -> None:
    rng = np.random.default_rng(9)
    x = np.repeat(np.arange(500), 2)
    y = np.where(x >= 250, "yes", "no").astype(object)
    y[601] = "no"  # beside row 600, which is equal but for the answer
    audit, shown = answered(
        *steps(pl.DataFrame({"x": x, "y": y.tolist()}), duplicates="keep"),
        lambda train: (train["x"] >= 250).cast(int).to_numpy(),
        rng,
    )
    if audit.n_rows:  # the row may be in another split
        assert shown["row"].to_list() == [602]


def test_no_answers_fail_the_step() -> None:
    checked, splits = steps(table())
    audit = inspect.unwrap(audit_labels.fn)(checked, splits, None)
    assert audit.n_rows == 0 and audit.n_judged == 0 and audit.text


def test_what_is_found_differs_from_call_to_call(open_store: Path) -> None:
    values = np.random.default_rng(10).normal(100, 5, N)
    values[::100] = 700
    frame = table(z=values, age=np.where(np.arange(N) % 300 == 0, -4, 30 + np.arange(N) % 40))
    first = examined(frame)
    assert first == examined(frame)
    assert len(first.oddities) == 2


@pytest.mark.parametrize("split", [{"by": "hash"}, {"by": "column", "column": "part"}])
def test_a_row_of_a_split_is_not_found_again_among_the_rows_that_were_read(split: dict[str, str]) -> None:
    frame = table(part=["train", "train", "val", "test"] * (N // 4), z=[None, -999.0, float("inf"), 0.5] * (N // 4))
    checked, splits = steps(frame, split=split)
    train = store.scan(splits.splits.train).collect()
    found = located(checked.dataset, splits.splits, train["__row__"].to_list(), train["y"].to_list())
    assert len(found) == len(train) > 1000
    assert found["x"].to_list() == train["x"].to_list()
