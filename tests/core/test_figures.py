"""Numbers for people: no more digits than they deserve, and none that lies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.figures import MINUS, decimals, estimate, figure, fixed, percent, ranged, seconds, short, within


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0, "0"),
        (0.46412, "0.4641"),
        (46357.36, "46,357"),
        (-0.5, f"{MINUS}0.5"),
        (1e-9, "1·10⁻⁹"),
        (-2149005056, f"{MINUS}2.149·10⁹"),
        (math.nan, "none"),
    ],
)
def test_a_figure_reads_badly(x: float, text: str) -> None:
    assert figure(x) == text


def test_an_estimate_has_digits_that_its_interval_makes_worthless() -> None:
    assert estimate(0.81961, 0.76292, 0.87113) == "0.82 (0.76 to 0.87)"
    assert ranged(-0.0468, 0.121) == f"{MINUS}0.05 to 0.12"
    assert fixed(-0.001, 2) == "0.00"
    assert decimals(1.0, 1.0) == 3


def test_a_share_of_almost_all_is_told_as_all() -> None:
    assert [percent(share) for share in (0, 1e-6, 0.0789, 0.125, 0.9999, 1)] == [
        "0 %",
        "<0.1 %",
        "7.9 %",
        "12.5 %",
        ">99.9 %",
        "100 %",
    ]


def test_a_duration_or_an_axis_reads_badly() -> None:
    assert [seconds(x) for x in (0.04, 45.2, 200)] == ["0.0 s", "45 s", "3 min 20 s"]
    assert [short(x) for x in (450_000, -1.2e6, 0.05)] == ["450k", f"{MINUS}1.2M", "0.05"]
    assert [within(title) for title in ("Log loss", "RMSE", "F1", "R²")] == ["log loss", "RMSE", "F1", "R²"]


@given(st.floats(), st.floats(), st.floats())
def test_some_number_cannot_be_told(x: float, low: float, high: float) -> None:
    assert figure(x) and percent(x) and short(x) and estimate(x, low, high)
