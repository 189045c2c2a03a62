"""Expectations from figures: they hold on the data they came from and on fresh ones, and break where damage is."""

from __future__ import annotations

import datetime
import string
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tasks.collect import collect
from tasks.core import expectations, findings, store
from tasks.core.records import Dataset
from tasks.profiling.claims import Claim
from tasks.profiling.lines import whole_file
from tasks.profiling.look import profiled
from tasks.profiling.runs import RunLengths
from tasks.profiling.suite import claims
from tasks.sources import Parquet

pytestmark = pytest.mark.usefixtures("open_store")


def collected(frame: pl.DataFrame, folder: Path) -> Dataset:
    frame.write_parquet(folder / "rows.parquet")
    return collect.fn(Parquet(path=folder / "rows.parquet"), anew=True)


def shop(seed: int, n: int = 1500) -> pl.DataFrame:
    """Orders: a key, a moment, codes, prices with a relation, a text."""
    rng = np.random.default_rng(seed)
    net = rng.lognormal(3, 0.4, n).round(2)
    tax = (net * rng.choice([0.07, 0.19], n)).round(2)
    start = datetime.datetime(2024, 1, 1)  # noqa: DTZ001  # moments have no zone in keepfit
    return pl.DataFrame(
        {
            "order": [f"A-{int(i):05d}" for i in rng.permutation(90_000)[:n]],
            "placed": [start + datetime.timedelta(minutes=int(m)) for m in np.sort(rng.integers(0, 500_000, n))],
            "country": rng.choice(["DE", "FR", "PL"], n, p=[0.6, 0.3, 0.1]),
            "net": net,
            "tax": tax,
            "gross": net + tax,
            "items": rng.poisson(3, n) + 1,
            "rating": np.where(rng.random(n) < 0.2, np.nan, rng.normal(3, 1, n)),
            "late": rng.random(n) < 0.3,
        }
    ).with_columns(pl.col("rating").fill_nan(None))


def raw(said: tuple[Claim, ...]) -> tuple[expectations.Expectation, ...]:
    items = [one.item for one in said if one.section == "raw"]
    return expectations.RawExpectations.model_validate({"expectations": items}).expectations


def broken(dataset: Dataset, said: tuple[Claim, ...]) -> list[str]:
    return [one.expectation.claim for one in findings.validate(dataset, raw(said)) if not one.held]


def of_type(said: tuple[Claim, ...], kind: str) -> list[dict[str, Any]]:
    return [one.arguments for one in said if one.type == kind and one.section == "raw"]


@pytest.mark.slow
def test_fresh_rows_of_the_same_kind_pass(tmp_path: Path) -> None:
    said = claims(profiled(collected(shop(0), tmp_path)), "late")
    for seed in (1, 2, 3):
        fresh = collected(shop(seed), tmp_path)
        found = findings.validate(fresh, raw(said))
        # A value beyond all that were seen is rejected by itself, which is what a range is for.
        assert {one.expectation.type for one in found if not one.held} <= {"expect_column_values_to_be_between"}
        assert findings.rejects(found, fresh.n_rows).sum() <= 2


@pytest.mark.parametrize(
    ("column", "damage"),
    [
        ("net", pl.col("net") * 100),
        ("net", -pl.col("net")),
        ("net", pl.lit(-999.0)),
        ("gross", pl.col("net")),
        ("items", pl.col("items") + 40),
        ("country", pl.lit("Germany")),
        ("country", pl.col("country").str.to_lowercase()),
        ("order", pl.lit("A-00001")),
        ("order", pl.col("order").str.head(4)),
        ("order", pl.col("order") + " "),
        ("rating", pl.lit(None, pl.Float64)),
        ("placed", pl.col("placed").dt.offset_by("-100y")),
        ("placed", pl.col("placed").dt.offset_by("30d")),
    ],
)
def test_damage_in_a_twentieth_of_the_rows_is_told(column: str, damage: pl.Expr, tmp_path: Path) -> None:
    said = claims(profiled(collected(shop(0), tmp_path)), "late")
    hit = pl.int_range(pl.len()).is_in(list(range(100, 1500, 20 if column != "rating" else 3)))
    damaged = shop(1).with_columns(pl.when(hit).then(damage).otherwise(pl.col(column)).alias(column))
    assert any(column in claim for claim in broken(collected(damaged, tmp_path), said))


def test_repeated_rows_are_told_where_no_column_is_a_key(tmp_path: Path) -> None:
    frame = shop(0).drop("order", "placed")
    said = claims(profiled(collected(frame, tmp_path)), "late")
    fresh = shop(1).drop("order", "placed")
    assert not any("unique" in claim for claim in broken(collected(fresh, tmp_path), said))
    twice = pl.concat([fresh, fresh[200:275]])
    assert any("compound columns to be unique" in claim for claim in broken(collected(twice, tmp_path), said))


def test_relations_are_found_and_those_of_chance_are_not(tmp_path: Path) -> None:
    table = profiled(collected(shop(0), tmp_path))
    found = {(one.kind.removeprefix("expect_"), one.columns, one.total) for one in table.relations}
    assert ("multicolumn_sum_to_equal", ("net", "tax"), "gross") in found
    # net ≥ tax and gross ≥ net follow from the figures; items and rating have nothing to do with them.
    assert not any({"items", "rating"} & set(columns) for _, columns, _ in found)


def test_a_stuck_sensor_or_rounded_values_are_not_told(tmp_path: Path) -> None:
    frame = shop(0, 600)
    said = claims(profiled(collected(frame, tmp_path)), "late")
    fresh = shop(1, 600)
    clean = broken(collected(fresh, tmp_path), said)
    at = pl.int_range(pl.len())
    for column, rows, value in (
        ("rating", at.is_between(200, 229), pl.lit(fresh["rating"].drop_nulls()[9])),
        ("items", at.is_between(200, 229), pl.lit(fresh["items"].mode()[0])),
        ("net", at % 20 == 0, pl.col("net").round_sig_figs(1)),
    ):
        damaged = fresh.with_columns(pl.when(rows).then(value).otherwise(pl.col(column)).alias(column))
        told = [one for one in broken(collected(damaged, tmp_path), said) if one not in clean]
        assert any(column in one for one in told), column


def test_a_value_that_stays_for_long_by_its_nature_is_told(tmp_path: Path) -> None:
    # Seasons: each grade stays for a while, now shorter, now longer.
    def frame(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        stays = rng.geometric(0.2, 800)
        return pl.DataFrame({"grade": np.repeat(rng.integers(0, 40, 800), stays)[:3000]})

    said = claims(profiled(collected(frame(0), tmp_path)), None)
    for seed in range(1, 6):
        assert not any("rolling" in one for one in broken(collected(frame(seed), tmp_path), said))


def test_runs_that_reach_over_batches_are_cut() -> None:
    values = pl.Series([None, 1.0, 1, None, 1, 2, 2, 2, 2, None, None, 3])
    for size in (1, 2, 3, 5, 12):
        found = RunLengths()
        for start in range(0, len(values), size):
            found.add(values[start : start + size])
        assert [one.n_rows for one in found.figures()[:5]] == [6, 4, 2, 1, 0]


def test_columns_so_alike_that_no_range_tells_them_apart_are_swapped(tmp_path: Path) -> None:
    def frame(seed: int) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        size = rng.lognormal(0, 0.6, 3000)
        return pl.DataFrame({"rooms": size * rng.lognormal(0.12, 0.08, 3000), "beds": size})

    said = claims(profiled(collected(frame(0), tmp_path)), None)
    fresh = frame(1)
    assert broken(collected(fresh, tmp_path), said) == []
    hit = pl.int_range(pl.len()) % 20 == 0
    swapped = fresh.with_columns(
        pl.when(hit).then(pl.col(b)).otherwise(pl.col(a)).alias(a) for a, b in (("rooms", "beds"), ("beds", "rooms"))
    )
    assert any("greater than b" in one for one in broken(collected(swapped, tmp_path), said))


def test_a_key_of_two_columns_is_no_accident(tmp_path: Path) -> None:
    grid = pl.DataFrame({"shop": [f"s{i % 40}" for i in range(2000)], "week": [i // 40 for i in range(2000)]})
    rng = np.random.default_rng(0)
    frame = grid.with_columns(pl.Series("sold", rng.poisson(20, 2000)))
    said = claims(profiled(collected(frame, tmp_path)), "sold")
    (one,) = of_type(said, "expect_compound_columns_to_be_unique")
    assert one["column_list"] == ["shop", "week"]
    assert "mostly" not in one
    by_chance = pl.DataFrame(
        {"a": rng.integers(0, 10**6, 300), "b": rng.integers(0, 10**6, 300), "y": rng.normal(size=300)}
    )
    said = claims(profiled(collected(by_chance, tmp_path)), "y")
    assert all(
        set(one["column_list"]) == {"a", "b", "y"} for one in of_type(said, "expect_compound_columns_to_be_unique")
    )


def test_a_set_is_closed_only_when_nothing_can_be_unseen(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rare = ["common"] * 900 + [f"rare {i}" for i in range(20)]
    frame = pl.DataFrame({"open": rare, "closed": rng.choice(["a", "b"], 920), "y": rng.choice(["no", "yes"], 920)})
    said = of_type(claims(profiled(collected(frame, tmp_path)), "y"), "expect_column_values_to_be_in_set")
    by = {one["column"]: one for one in said}
    assert by["open"]["mostly"] < 0.98  # twenty of 920 came once, so others will come
    assert by["closed"]["severity"] == "warn"  # a model takes a category that it never saw
    assert "mostly" not in by["y"] and "severity" not in by["y"]


def test_requests_are_asked_for_signs_and_units_alone(tmp_path: Path) -> None:
    frame = shop(0)
    said = [one for one in claims(profiled(collected(frame, tmp_path)), "tax") if one.section == "serving"]
    assert {str(one.arguments["column"]) for one in said} == {"net", "gross", "items", "rating"}
    (net,) = (one.arguments for one in said if one.arguments["column"] == "net")
    assert net["min_value"] == 0
    assert float(str(net["max_value"])) > 5 * float(frame["net"].max())  # type: ignore[arg-type]


def test_of_many_rows_some_are_looked_at_and_extremes_and_repeats_come_from_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = shop(0, 6000)
    whole = {one.name: one for one in profiled(collected(frame, tmp_path)).columns}
    monkeypatch.setattr("tasks.profiling.columns.LOOKED_AT", 1000)
    some = {one.name: one for one in profiled(collected(frame, tmp_path)).columns}
    for name in ("net", "items", "placed"):
        ours, theirs = some[name].spread, whole[name].spread
        assert ours is not None and theirs is not None
        assert (ours.n, ours.low.seen, ours.high.seen) == (theirs.n, theirs.low.seen, theirs.high.seen)
        assert (ours.n_weighed, theirs.n_weighed) == (pytest.approx(1000, abs=150), 6000)
        assert ours.mean == pytest.approx(theirs.mean) and ours.deviation == pytest.approx(theirs.deviation)
    assert some["order"].n_repeated == whole["order"].n_repeated == 0


def test_a_distribution_of_some_rows_is_held_to_the_precision_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.profiling.columns.LOOKED_AT", 500)
    dataset = collected(pl.DataFrame({"digit": np.random.default_rng(0).integers(0, 100, 20_000)}), tmp_path)
    said = claims(profiled(dataset), None)
    assert of_type(said, "expect_column_kl_divergence_to_be_less_than")
    assert broken(dataset, said) == []


numbers = st.one_of(st.none(), st.integers(-5, 5).map(float), st.floats(-1e9, 1e9), st.just(float("nan")))
words = st.one_of(
    st.none(), st.sampled_from(["a", "b", "", "é<b>", "x y", "#: {", "'"]), st.text(string.printable, max_size=8)
)
cells = {"number": numbers, "whole": st.one_of(st.none(), st.integers(-3, 10**12)), "text": words, "yes": st.booleans()}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    n = draw(st.integers(1, 40))
    kinds = draw(st.lists(st.sampled_from(sorted(cells)), min_size=1, max_size=4))
    columns = {f"{kind} {i}": draw(st.lists(cells[kind], min_size=n, max_size=n)) for i, kind in enumerate(kinds)}
    types = {"number": pl.Float64, "whole": pl.Int64, "text": pl.String, "yes": pl.Boolean}
    return pl.DataFrame(columns, schema={name: types[name.split()[0]] for name in columns})


@pytest.mark.slow
# Each example runs Great Expectations, so looking for the smallest failure would take hours.
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tables())
def test_a_suite_holds_on_its_own_data_and_survives_its_file(tmp_path: Path, frame: pl.DataFrame) -> None:
    with store.opened(tmp_path / "home"):
        dataset = collected(frame, tmp_path)
        said = claims(profiled(dataset), None)
        assert broken(dataset, said) == []
    file = tmp_path / "expectations.yaml"
    file.write_text(whole_file(said, "# header\n"), encoding="utf-8")
    loaded = expectations.load(file)
    assert loaded.raw.expectations == raw(said)
