"""Charts: round ticks, well-formed SVG for any numbers, and no more marks than a browser likes."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tasks.reporting.charts import HEIGHT, WIDTH, Axis, Chart, histogram, ticks
from tasks.reporting.small import bar, spark, strip

EVIL = '<script>alert("1")</script>&\''
FINITE = st.floats(-1e12, 1e12)


def parsed(svg: Markup) -> ET.Element:
    assert "nan" not in svg and "inf" not in svg
    return ET.fromstring(svg)


@given(FINITE, FINITE)
def test_ticks_lie_outside_or_are_too_many(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = ticks(low, high)
    margin = 1e-6 * max(abs(low), abs(high), high - low)
    assert 1 <= len(found) <= 11
    assert all(low - margin <= tick <= high + margin for tick in found)


def test_ticks_are_no_round_numbers() -> None:
    assert ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(3, 97) == [20, 40, 60, 80]
    assert all(tick == int(tick) for tick in ticks(1, 12, whole=True))


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20), st.booleans())
def test_odd_numbers_break_a_chart(points: list[tuple[float, float]], zero: bool) -> None:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    with np.errstate(all="raise"):
        chart = Chart("t", Axis.around("x", xs, zero=zero), Axis.around("y", ys))
        chart.line(xs, ys, "one", EVIL, steps=zero)
        chart.points(xs, ys, "one", [EVIL] * len(xs))
        parsed(chart.svg())


def test_marks_lie_outside_the_picture() -> None:
    xs, ys = np.random.default_rng(0).normal(size=(2, 300))
    chart = Chart("t", Axis.around("x", xs), Axis.around("y", ys))
    chart.points(xs, ys, "one")
    circles = [each for each in parsed(chart.svg()).iter() if each.tag.endswith("circle")]
    assert len(circles) == 300
    assert all(0 < float(c.attrib["cx"]) < WIDTH and 0 < float(c.attrib["cy"]) < HEIGHT for c in circles)


def test_a_hundred_thousand_points_are_drawn_one_by_one() -> None:
    xs, ys = np.random.default_rng(0).normal(size=(2, 100_000))
    chart = Chart("t", Axis.around("x", xs), Axis.around("y", ys))
    chart.points(xs, ys, "one")
    chart.line(np.sort(xs), ys, "two")
    svg = chart.svg()
    assert len(svg) < 60_000
    assert "<circle" not in svg


def test_the_cells_of_a_cloud_are_not_where_its_points_are() -> None:
    xs, ys = np.full(1000, 0.5), np.full(1000, 0.5)
    xs[0], ys[0] = 0, 0
    chart = Chart("t", Axis("x", 0, 1), Axis("y", 0, 1))
    chart.points(xs, ys, "one")
    path = next(each for each in parsed(chart.svg()).iter() if each.attrib.get("fill-opacity") == "1.00")
    x, y = (float(part) for part in path.attrib["d"].removeprefix("M").split("h")[0].split())
    assert math.isclose(x, chart.at_x(0.5), abs_tol=9) and math.isclose(y, chart.at_y(0.5), abs_tol=9)


def test_a_gap_in_a_line_is_drawn_over() -> None:
    chart = Chart("t", Axis("x", 0, 3), Axis("y", 0, 3))
    chart.line([0, 1, 2, 3], [0, math.nan, 2, 3], "one")
    assert str(chart.svg()).split('class="line one" d="')[1].split('"')[0].count("M") == 2


def test_a_name_becomes_markup() -> None:
    chart = Chart(EVIL, Axis(EVIL, 0, 1), Axis(EVIL, 0, 1))
    chart.line([0, 1], [0, 1], "one", EVIL)
    chart.whisker(0.5, 0.5, 0.4, 0.6, "one", EVIL)
    drawn = [chart.svg(), histogram(EVIL, EVIL, [0, 1, 2], [3, 4])]
    drawn += [spark([1, 2], EVIL), strip(0.5, 0.1, 0.9, (0, 1), EVIL, 0.2), bar(-1, (-2, 3), EVIL)]
    for svg in drawn:
        assert "<script" not in svg
        assert parsed(svg).attrib["aria-label"] == EVIL


def test_a_strip_or_bar_without_a_range_fails() -> None:
    for svg in (strip(1, 1, 1, (1, 1), ""), bar(0, (0, 0), ""), spark([0, 0], ""), spark([], "")):
        parsed(svg)
