"""A broken feed must be named by its cause, and a world that changed must never be called broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tasks.core.records import Claim, Column
from tasks.monitoring.incidents import Facts, Incident, find_incidents

START = datetime(2026, 1, 5)  # noqa: DTZ001  a Monday
DAYS, N_DAY = 42, 60
END = START + timedelta(days=DAYS)
WEEK = END + timedelta(days=7)
CITIES = np.array(["Łódź", "Zürich", "Bern", "Genève", "Basel"])
WITH_COMMA = pl.col("amount").cast(pl.String).str.replace(r"\.", ",")
CODES = {"free": "A", "team": "B", "firm": "C"}
FUTURE = datetime(2126, 1, 1)  # noqa: DTZ001
Change = Callable[[pl.DataFrame], pl.DataFrame]


def rows(n_days: int, first: datetime, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    n = n_days * N_DAY
    words = np.array(["late", "parcel", "thanks", "never", "again", "café", "refund", "driver"])
    seconds = np.sort(rng.uniform(0, n_days * 86_400, n))
    size = rng.normal(170, 9, n)
    frame = pl.DataFrame(
        {
            "__id__": [f"r{number}" for number in range(n)],
            "__time__": [first + timedelta(seconds=float(each)) for each in seconds],
            "amount": np.round(rng.lognormal(3, 0.8, n), 2),
            "visits": rng.poisson(40, n),
            "height": np.round(size, 1),
            "warmth": np.round(rng.normal(12, 6, n), 1),
            "balance": np.round(rng.normal(0, 100, n), 2),
            "city": rng.choice(CITIES, n, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
            "plan": rng.choice(["free", "team", "firm"], n),
            "born": [datetime(1950, 1, 1) + timedelta(days=int(each)) for each in rng.integers(0, 20_000, n)],  # noqa: DTZ001
            "note": [" ".join(rng.choice(words, rng.integers(3, 15))) for _ in range(n)],
            "code": [f"{each:05d}-{each % 97:02d}" for each in rng.integers(0, 99_999, n)],
        }
    )
    return frame.with_columns(pl.when(pl.Series(rng.random(n) > 0.01)).then("warmth").alias("warmth"))


REFERENCE, WINDOW = rows(DAYS, START, 0), rows(7, END, 1)
FACTS = Facts.of(REFERENCE, time="__time__")
RNG = np.random.default_rng(7)
SOME = pl.Series(RNG.random(WINDOW.height) < 0.6)
FEW = pl.Series(RNG.random(WINDOW.height) < 0.1)


def found(window: pl.DataFrame, facts: Facts = FACTS) -> tuple[Incident, ...]:
    return find_incidents(window, facts, time="__time__", since=END, until=WEEK)


def col(name: str, expression: pl.Expr) -> Change:
    return lambda window: window.with_columns(expression.alias(name))


def tenth(name: str, expression: pl.Expr) -> Change:
    return col(name, pl.when(FEW).then(expression).otherwise(name))


def blank(*names: str) -> Change:
    return lambda window: window.with_columns(pl.when(~SOME).then(pl.col(each)).alias(each) for each in names)


def mojibake(window: pl.DataFrame) -> pl.DataFrame:
    broken = [city.encode().decode("latin-1") for city in window["city"]]
    return window.with_columns(city=pl.Series(broken))


def flood(window: pl.DataFrame) -> pl.DataFrame:
    again = np.where(SOME.to_numpy(), 3, np.arange(window.height))
    return window[again].with_columns(window["__time__"], window["__id__"])


PLANTED: list[tuple[str, str, tuple[str, ...], Change]] = [
    ("cents", "unit_change", ("amount",), col("amount", pl.col("amount") * 100)),
    ("thousandths", "unit_change", ("amount",), col("amount", pl.col("amount") / 1000)),
    ("inches", "unit_change", ("height",), col("height", pl.col("height") / 2.54)),
    ("counts in another unit", "unit_change", ("visits",), col("visits", pl.col("visits") * 1.609344)),
    ("Fahrenheit", "unit_change", ("warmth",), col("warmth", pl.col("warmth") * 1.8 + 32)),
    ("cents in a tenth", "unit_change", ("height",), tenth("height", pl.lit(17_000))),
    ("sign", "sign_flip", ("amount",), col("amount", -pl.col("amount"))),
    ("sign in a part", "sign_flip", ("height",), tenth("height", -pl.col("height"))),
    ("gone", "column_gone", ("plan",), lambda window: window.drop("plan")),
    ("all missing", "all_missing", ("amount",), col("amount", pl.lit(None, pl.Float64))),
    ("inches around 0", "unit_change", ("balance",), col("balance", pl.col("balance") * 2.54)),
    ("inches, rounded", "unit_change", ("warmth",), col("warmth", ((pl.col("warmth") + 4) * 2.54).round(3))),
    ("a sign in a season", "sign_flip", ("height",), col("height", -(pl.col("height") + 25).round(1))),
    ("mostly missing", "all_missing", ("city",), blank("city")),
    ("text for numbers", "new_type", ("amount",), col("amount", WITH_COMMA)),
    ("text for dates", "new_type", ("born",), col("born", pl.col("born").dt.strftime("%d/%m/%Y"))),
    ("another format", "new_type", ("code",), col("code", pl.col("code").str.replace("-", "/"))),
    ("numbers for text", "new_type", ("note",), col("note", pl.col("note").str.len_chars())),
    ("join", "broken_join", ("visits", "city", "plan"), blank("visits", "city", "plan")),
    ("join with fillers", "broken_join", ("city", "plan"), lambda window: window.with_columns(
        pl.when(SOME).then(pl.lit("unknown")).otherwise(pl.col(each)).alias(each) for each in ("city", "plan")
    )),
    ("flood", "repeated_rows", (), flood),
    ("stuck number", "stuck", ("visits",), col("visits", pl.lit(41))),
    ("stuck from noon", "stuck", ("balance",), col("balance", pl.when(SOME).then(12.5).otherwise("balance"))),
    ("swapped", "swapped_columns", ("amount", "height"), lambda window: window.with_columns(
        amount=pl.col("height"), height=pl.col("amount")
    )),
    ("swapped levels", "swapped_columns", ("city", "plan"), lambda window: window.with_columns(
        city=pl.col("plan"), plan=pl.col("city")
    )),
    ("other codes", "recoded_levels", ("plan",), col("plan", pl.col("plan").replace(CODES))),
    ("capitals", "recoded_levels", ("plan",), col("plan", pl.col("plan").str.to_uppercase())),
    ("a space in a tenth", "recoded_levels", ("plan",), tenth("plan", pl.lit("free "))),
    ("cut levels", "truncated_text", ("city",), col("city", pl.col("city").str.slice(0, 4))),
    ("cut text", "truncated_text", ("note",), col("note", pl.col("note").str.slice(0, 40))),
    ("mojibake", "broken_encoding", ("city",), mojibake),
    ("a date in the future", "wrong_clock", ("born",), tenth("born", pl.lit(FUTURE))),
    ("future clock", "wrong_clock", ("__time__",), col("__time__", pl.col("__time__").dt.offset_by("1y"))),
    ("feed stopped", "stale_feed", (), lambda window: window.filter(pl.col("__time__") < END + timedelta(days=3))),
    ("feed silent", "stale_feed", (), lambda window: window.head(0)),
    ("half a feed", "half_empty_feed", (), lambda window: window.filter(~SOME)),
    ("a day lacking", "half_empty_feed", (), lambda window: window.filter(
        pl.col("__time__").dt.date() != (END + timedelta(days=2)).date()
    )),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "columns", "change"), [case[1:] for case in PLANTED], ids=[case[0] for case in PLANTED]
)
def test_what_broke_is_named_alone(kind: str, columns: tuple[str, ...], change: Change) -> None:
    incidents = found(change(WINDOW))
    assert [(each.kind, each.columns) for each in incidents] == [(kind, columns)]
    (told,) = incidents
    assert 0 < told.share <= 1
    assert told.sentence and all(name in told.sentence for name in columns[:1])
    assert len(told.rows) <= 20 and set(told.rows) <= set(WINDOW["__id__"])


def moved(name: str, sds: float) -> Change:
    return col(name, pl.col(name) + sds * float(REFERENCE[name].std()))  # type: ignore[arg-type]


def wider(name: str, factor: float) -> Change:
    mean = float(REFERENCE[name].mean())  # type: ignore[arg-type]
    return col(name, (pl.col(name) - mean) * factor**0.5 + mean)


def tails(window: pl.DataFrame) -> pl.DataFrame:
    noise = pl.Series(np.random.default_rng(3).standard_t(3, window.height) * 50)
    return window.with_columns(balance=pl.col("balance") + noise)


def permuted(window: pl.DataFrame) -> pl.DataFrame:
    return window.with_columns(window["height"].shuffle(seed=1))


DRIFTS: list[tuple[str, Change]] = [
    ("nothing", lambda window: window),
    ("mean up 1 sd", moved("amount", 1)),
    ("mean down 1 sd", moved("amount", -1)),
    ("a mean around 0", moved("balance", 1)),
    ("variance", wider("balance", 1.5)),
    ("variance of a height", wider("height", 1.5)),
    ("a category", col("plan", pl.when(FEW).then(pl.lit("free")).otherwise("plan"))),
    ("a new category", col("city", pl.when(FEW).then(pl.lit("Chur")).otherwise("city"))),
    ("missing from 1 to 10 %", col("warmth", pl.when(~FEW).then("warmth"))),
    ("correlation", permuted),
    ("season", col("warmth", pl.col("warmth") + 8)),
    ("a segment", lambda window: pl.concat([window, window.filter(pl.col("amount") > 20).with_columns(
        pl.col("__id__") + "b", pl.col("height") + 1, pl.col("visits") + 3)]).sort("__time__")),
    ("slow trend", col("height", pl.col("height") + 9 * pl.int_range(pl.len()) / pl.len())),
    ("inflation", col("amount", pl.col("amount") * 1.1)),
    ("growth", col("visits", (pl.col("visits") * 1.3).round().cast(pl.Int64))),
    ("growth of whole numbers", col("visits", pl.col("visits") * 1.3)),
    ("growth around 0", col("balance", pl.col("balance") * 1.6)),
    ("finer digits", col("balance", pl.col("balance") + 0.0003)),
    ("all below 0", col("warmth", pl.col("warmth") - 40)),
    ("tails", tails),
    ("fewer rows", lambda window: window.filter(~FEW)),
    ("less business", lambda window: window.filter(
        (pl.int_range(pl.len()) < 0.58 * pl.len()).over(pl.col("__time__").dt.date())
    )),
]  # fmt: skip


@pytest.mark.parametrize("change", [case[1] for case in DRIFTS], ids=[case[0] for case in DRIFTS])
def test_a_world_that_changed_is_no_incident(change: Change) -> None:
    assert found(change(WINDOW)) == ()


def test_a_month_that_is_the_same_all_day_is_not_stuck() -> None:
    reference = REFERENCE.with_columns(month=pl.Series(np.arange(REFERENCE.height) // 400))
    window = WINDOW.with_columns(month=pl.lit(7, pl.Int64))
    assert found(window, Facts.of(reference, time="__time__")) == ()


def test_a_tariff_of_the_weekend_is_not_stuck_where_days_have_few_rows() -> None:
    hours = pl.datetime_range(datetime(2026, 1, 1), datetime(2026, 4, 1), "1h", closed="left", eager=True)  # noqa: DTZ001
    weekend, night = hours.dt.weekday() > 5, hours.dt.hour() < 7
    tariff = pl.select(
        pl.when(weekend).then(pl.lit("weekend")).when(night).then(pl.lit("night")).otherwise(pl.lit("peak"))
    )
    rows = pl.DataFrame({"__time__": hours, "tariff": tariff.to_series()})
    saturday = rows.filter(hours.dt.date() == date(2026, 3, 7))
    assert "stuck" not in {each.kind for each in found(saturday, Facts.of(rows, time="__time__"))}
    mixed = rows.with_columns(pl.col("tariff").shuffle(seed=1))  # no day has one value alone
    assert "stuck" in {each.kind for each in found(saturday, Facts.of(mixed, time="__time__"))}


def test_a_broken_expectation_is_an_incident_unless_its_cause_is_known() -> None:
    bound = {"column": "amount", "max_value": 1_000.0}
    claim = Claim(type="expect_column_values_to_be_between", arguments=bound, severity="reject")
    window = WINDOW.with_columns(pl.when(FEW).then(1_500.0 + pl.col("height")).otherwise("amount").alias("amount"))
    (told,) = find_incidents(window, FACTS, (claim,))
    assert (told.kind, told.columns) == ("broken_expectation", ("amount",))
    assert 0.05 < told.share < 0.2
    assert [each.kind for each in find_incidents(WINDOW, FACTS, (claim,))] == []
    cents = WINDOW.with_columns(pl.col("amount") * 100)
    assert [each.kind for each in find_incidents(cents, FACTS, (claim,))] == ["unit_change"]


def test_facts_are_small_and_the_same_again() -> None:
    wide = REFERENCE.with_columns(pl.col("amount").alias(f"a{number}") for number in range(30))
    facts = Facts.of(wide, time="__time__")
    assert facts == Facts.of(wide, time="__time__") == Facts.model_validate_json(facts.model_dump_json())
    assert len(facts.model_dump_json()) < 50_000


def test_images_are_judged_by_what_is_missing_alone() -> None:
    reference = pl.DataFrame({"photo": [f"{number:064x}" for number in range(200)]})
    facts = Facts.of(reference, [Column(name="photo", type="image", n_missing=0)])
    assert find_incidents(reference.with_columns(photo=pl.col("photo").str.reverse()), facts) == ()
    (told,) = find_incidents(reference.with_columns(photo=pl.lit(None, pl.String)), facts)
    assert told.kind == "all_missing"


def test_moments_with_a_zone_and_without_are_the_same() -> None:
    zoned = WINDOW.with_columns(pl.col("__time__").dt.replace_time_zone("UTC"))
    ends = {"since": END.replace(tzinfo=UTC), "until": WEEK.replace(tzinfo=UTC)}
    assert find_incidents(zoned, FACTS, time="__time__", **ends) == ()
