"""A page that hides what moved, runs what the data say, loads something, or grows without end."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from tasks.monitoring.daily import daily
from tasks.monitoring.incident_records import Incident
from tasks.monitoring.judging import judge
from tasks.monitoring.reference import Reference
from tasks.monitoring.window_report import Broken, WindowReport, drifted
from tasks.reporting.distributions import BINS, binned, distribution
from tasks.reporting.window_page import Looked, render
from tasks.retraining.verdict import Verdict

EVIL = "<script>alert('1')</script>"
FIRST = date(2026, 1, 1)


def rows(seed: int, n_rows: int, shift: float = 0.0, more: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            EVIL: rng.normal(shift, 1, n_rows),
            "count": rng.poisson(2, n_rows).clip(0, 6).astype(float),
            "kind": rng.choice(["a", EVIL, "c"], n_rows),
            **{f"column {number}": rng.normal(size=n_rows) for number in range(more)},
        }
    )


def reference(more: int = 0) -> Reference:
    days = [rows(seed, 100, more=more).with_columns(pl.lit(FIRST + timedelta(seed)).alias("at")) for seed in range(30)]
    whole = pl.concat(days).to_arrow()
    kinds = {name: "category" if name == "kind" else "number" for name in whole.column_names if name != "at"}
    return Reference.build(lambda: whole.to_batches(), kinds, "at")  # pyright: ignore[reportArgumentType]


def empty(window: str, promise: str = "At most one.") -> WindowReport:
    return WindowReport(
        window=window,
        n_rows=0,
        drift=False,
        columns=(),
        joint=None,
        incident=None,
        performance=None,
        service=None,
        alarms_promised=None,
        alarms_spent=0,
        promise=promise,
        state="empty",
    )


def looked(known: Reference, shift: float, more: int = 0) -> Looked:
    """The second of two judged days; the first was quiet."""
    history = [
        daily(known.cells, rows(100 + n, 300, shift * n, more).to_arrow().to_batches(), FIRST + timedelta(60 + n))
        for n in range(2)
    ]
    reports = [
        drifted(empty(str(day.day)), judge(known, history[: n + 1])).model_copy(update={"n_rows": 300})
        for n, day in enumerate(history)
    ]
    return Looked("ship", "1", reports[-1], known, history[-1], reports)


def test_what_drifted_comes_first_and_nothing_of_the_data_runs() -> None:
    page = render(looked(reference(), 1.5))
    assert "Drift in" in page and "<script" not in page and "&lt;script&gt;" in page
    head = page.index('id="column-1"')
    assert page.index("script&gt;", head) < page.index("<b><bdi>count", head)
    assert "above" not in page[page.index("<h2>Columns") : page.index("<figure", head)]
    assert (
        not re.search(r"""(src|href)=["'](?!#|data:|\d{4}-)""", page) and "url(" not in page and "@import" not in page
    )
    assert page.count('class="line one"') >= 3, "the history of each score"


def test_a_thousand_columns_stay_under_two_megabytes() -> None:
    page = render(looked(reference(more=200), 0.0, more=200))
    assert len(page.encode()) < 2_000_000
    assert "All 203 columns" in page


def test_an_incident_shows_its_cause_and_its_rows() -> None:
    broken = Incident(kind="unit_change", columns=("price",), sentence=f"{EVIL} is 100 times", share=1.0, rows=("a-1",))
    report = empty("2026-03-02").model_copy(
        update={"n_rows": 9, "state": "incident", "incident": Broken(cause=broken.sentence, evidence=(broken,))}
    )
    known = reference()
    page = render(Looked("ship", "1", report, known, None, [report], {"a-1": {"kind": EVIL, "price": 4_200}}))
    assert "Incident" in page and "a-1" in page and "4200" in page and "<script" not in page
    assert "price" in page[page.index('<th scope="col">Row') :].split("</th>")[1], "the column that is hit comes first"
    assert "Nothing to judge" in render(Looked("ship", "1", empty("rows.csv"), known, None, [empty("rows.csv")]))


@pytest.mark.parametrize("name", [EVIL, "count", "kind"])
def test_both_distributions_hold_every_row(name: str) -> None:
    known = reference()
    window = daily(known.cells, rows(7, 400, 3.0).to_arrow().to_batches())
    place = known.cells.names.index(name)
    found = distribution(known.cells, known.total, window, place)
    if found.levels:
        assert sum(each.current for each in found.levels) == pytest.approx(1)
        assert sum(each.reference for each in found.levels) == pytest.approx(1)
    else:
        assert found.chart is not None and "outside the reference" in found.words
        edges = known.cells.edges[place]
        shares = [each.counts[place, : len(edges) + 1] / each.n_rows for each in (known.total, window)]
        places, *heights = binned(edges, *shares)
        assert len(places) == BINS + 1 and [each.sum() for each in heights] == pytest.approx([1, 1])
        assert heights[1][-1] > heights[0][-1], "what lies beyond is in the last bin"


def test_a_verdict_is_told_with_its_evidence() -> None:
    verdict = Verdict(action="watch", sentence=f"{EVIL} moved", until=datetime(2026, 4, 2, 9), evidence=("0.3 sd",))  # noqa: DTZ001
    page = render(replace(looked(reference(), 0.0), verdict=verdict))
    told = page[page.index('id="verdict"') : page.index('class="cards"')]
    repeated = verdict.model_copy(update={"sentence": "Train anew. 0.3 sd."})
    assert render(replace(looked(reference(), 0.0), verdict=repeated)).count("0.3 sd") == 1
    assert "Verdict: watch" in told and "Until 2026-04-02 09:00" in told and "0.3 sd" in told and "<script" not in told
    assert 'id="verdict"' not in render(looked(reference(), 0.0))
