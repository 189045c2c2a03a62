"""Charts as inline SVG, coloured by the page's style sheet; drawn for a column as wide as a phone.

Every function takes plain sequences and returns `Markup`. Nothing has more than about 1,500 marks: a cloud of
points becomes cells that are darker where there are more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

from tasks.core.figures import figure, short

Numbers = Sequence[float] | npt.NDArray[np.float64]

WIDTH, HEIGHT = 360, 230
MOST_POINTS = 400
"""More points than this are drawn as cells."""
MOST_VERTICES = 300
_COLUMNS, _ROWS = 44, 30
_SHADES = 5
_FARTHEST = 1e150
"""Beyond, differences overflow, and all else would be one point."""


def ticks(low: float, high: float, n: int = 5, whole: bool = False) -> list[float]:
    """About `n` round numbers within the bounds, on request only whole ones."""
    if _is_point(low, high):
        return [low]
    raw = (high - low) / n
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(step for step in (1 * size, 2 * size, 2.5 * size, 5 * size, 10 * size) if step >= raw * 0.999)
    if whole:
        step = float(math.ceil(step))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _is_point(low: float, high: float) -> bool:
    """Whether floats cannot tell enough numbers between the bounds apart."""
    return high - low <= max(1e-300, 1e-11 * max(abs(low), abs(high)))


@dataclass
class Axis:
    """One direction of a chart. Bounds that are not finite, or are one point, are widened."""

    label: str
    low: float
    high: float
    form: Callable[[float], str] = short
    whole: bool = False

    def __post_init__(self) -> None:
        if not (abs(self.low) <= _FARTHEST and abs(self.high) <= _FARTHEST):
            self.low, self.high = 0.0, 1.0
        if _is_point(self.low, self.high):
            margin = abs(self.low) * 0.1 or 0.5
            self.low, self.high = self.low - margin, self.high + margin

    def share(self, x: float) -> float:
        """Where x lies between the bounds, 0 to 1; what is far outside stays just outside."""
        return min(1.5, max(-0.5, (float(x) - self.low) / (self.high - self.low)))

    @classmethod
    def around(cls, label: str, *values: Numbers, zero: bool = False, whole: bool = False) -> Axis:
        """An axis that holds all the values with a little air, and 0 if asked."""
        together = np.concatenate([np.asarray(each, dtype=float).ravel() for each in values])
        finite = together[np.abs(together) < _FARTHEST]
        if zero:
            finite = np.append(finite, 0.0)
        if not len(finite):
            return cls(label, 0.0, 1.0)
        low, high = float(finite.min()), float(finite.max())
        air = 0.04 * (high - low)
        return cls(
            label, low if zero and low == 0 else low - air, high if zero and high == 0 else high + air, whole=whole
        )


@dataclass
class Chart:
    """A frame to draw in; `svg()` gives the figure."""

    title: str
    x: Axis
    y: Axis
    height: int = HEIGHT
    _marks: list[str] = field(default_factory=list)
    _keys: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._y_ticks = ticks(self.y.low, self.y.high, 4)
        widest = max((len(self.y.form(tick)) for tick in self._y_ticks), default=1)
        self._left, self._right, self._top, self._bottom = 26 + 6.2 * widest, WIDTH - 10, 22, self.height - 38

    def at_x(self, x: float) -> float:
        return round(self._left + self.x.share(x) * (self._right - self._left), 1)

    def at_y(self, y: float) -> float:
        return round(self._bottom - self.y.share(y) * (self._bottom - self._top), 1)

    def line(self, xs: Numbers, ys: Numbers, css: str, name: str = "", steps: bool = False) -> None:
        """A line through the points, at most 300 of them; a gap where one is missing."""
        x, y = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
        if len(x) > MOST_VERTICES:
            kept = np.unique(np.linspace(0, len(x) - 1, MOST_VERTICES).round().astype(int))
            x, y = x[kept], y[kept]
        path, pen = "", "M"
        for each_x, each_y in zip(x.tolist(), y.tolist(), strict=True):
            if not (math.isfinite(each_x) and math.isfinite(each_y)):
                pen = "M"
                continue
            at_x, at_y = self.at_x(each_x), self.at_y(each_y)
            path += f"H{at_x}V{at_y}" if steps and pen == "L" else f"{pen}{at_x} {at_y}"
            pen = "L"
        self._marks.append(f'<path class="line {css}" d="{path}"><title>{escape(name)}</title></path>')
        if name:
            self._keys.append((css, name))

    def area(self, edges: Numbers, heights: Numbers, css: str, name: str) -> None:
        """What lies below a line of steps, from one edge to the next."""
        path = f"M{self.at_x(edges[0])} {self._bottom}"
        for right, height in zip(edges[1:], heights, strict=True):
            path += f"V{self.at_y(height)}H{self.at_x(right)}"
        self._marks.append(f'<path class="area {css}" d="{path}V{self._bottom}z"><title>{escape(name)}</title></path>')
        self._keys.append((css, name))

    def points(self, xs: Numbers, ys: Numbers, css: str, names: Sequence[str] | None = None) -> None:
        """A point each, named on hovering; a cloud of many as cells."""
        x, y = np.asarray(xs, dtype=float), np.asarray(ys, dtype=float)
        shown = np.isfinite(x) & np.isfinite(y)
        if shown.sum() > MOST_POINTS:
            self._cells(x[shown], y[shown], css)
            return
        for index in np.flatnonzero(shown).tolist():
            name = f"<title>{escape(names[index])}</title>" if names else ""
            at = f'cx="{self.at_x(x[index])}" cy="{self.at_y(y[index])}"'
            self._marks.append(f'<circle class="dot {css}" {at} r="2.6">{name}</circle>')

    def _cells(self, x: np.ndarray, y: np.ndarray, css: str) -> None:
        bounds = ((self.x.low, self.x.high), (self.y.low, self.y.high))
        counts, _, _ = np.histogram2d(x, y, bins=(_COLUMNS, _ROWS), range=bounds)
        width, height = (self._right - self._left) / _COLUMNS, (self._bottom - self._top) / _ROWS
        shades = np.ceil(_SHADES * np.log1p(counts) / max(float(np.log1p(counts.max())), 1e-9)).astype(int)
        for shade in range(1, _SHADES + 1):
            path = "".join(
                f"M{self._left + column * width:.1f} {self._bottom - (row + 1) * height:.1f}"
                f"h{width:.1f}v{height:.1f}h-{width:.1f}z"
                for column, row in zip(*np.nonzero(shades == shade), strict=True)
            )
            if path:
                self._marks.append(f'<path class="cell {css}" fill-opacity="{shade / _SHADES:.2f}" d="{path}"/>')

    def whisker(self, x: float, y: float, low: float, high: float, css: str, name: str = "") -> None:
        """A point with its interval, upright."""
        at_x = self.at_x(x)
        path = (
            f"M{at_x} {self.at_y(low)}V{self.at_y(high)}M{at_x - 3} {self.at_y(low)}h6M{at_x - 3} {self.at_y(high)}h6"
        )
        self._marks.append(f'<g><title>{escape(name)}</title><path class="whisker {css}" d="{path}"/>')
        self._marks.append(f'<circle class="dot {css}" cx="{at_x}" cy="{self.at_y(y)}" r="3.2"/></g>')

    def columns(self, edges: Sequence[float], counts: Sequence[float], css: str, names: Sequence[str]) -> None:
        """Upright bars from one edge to the next."""
        for low, high, count, name in zip(edges, edges[1:], counts, names, strict=False):
            left, right, top = self.at_x(low), self.at_x(high), self.at_y(count)
            box = f'x="{left + 0.4:.1f}" y="{top}" width="{max(right - left - 0.8, 0.6):.1f}"'
            height = f'height="{max(self.at_y(self.y.low) - top, 0):.1f}"'
            self._marks.append(f'<rect class="bar {css}" {box} {height}><title>{escape(name)}</title></rect>')

    def key(self, css: str, name: str) -> None:
        """What marks of this colour mean."""
        self._keys.append((css, name))

    def rule(self, xs: tuple[float, float], ys: tuple[float, float]) -> None:
        """A dashed line of reference."""
        points = f'x1="{self.at_x(xs[0])}" y1="{self.at_y(ys[0])}" x2="{self.at_x(xs[1])}" y2="{self.at_y(ys[1])}"'
        self._marks.append(f'<line class="rule" {points}/>')

    def svg(self) -> Markup:
        """The figure, axes and key included."""
        parts = [f'<svg viewBox="0 0 {WIDTH} {self.height}" role="img" aria-label="{escape(self.title)}">']
        for tick in self._y_ticks:
            at = self.at_y(tick)
            parts.append(f'<line class="grid" x1="{self._left:.1f}" x2="{self._right}" y1="{at}" y2="{at}"/>')
            parts.append(
                f'<text x="{self._left - 5:.1f}" y="{at + 3.5}" class="end">{escape(self.y.form(tick))}</text>'
            )
        for tick in ticks(self.x.low, self.x.high, 5, self.x.whole):
            at = self.at_x(tick)
            parts.append(f'<line class="tick" x1="{at}" x2="{at}" y1="{self._bottom}" y2="{self._bottom + 4}"/>')
            text = escape(self.x.form(tick))
            parts.append(f'<text x="{at}" y="{self._bottom + 15}" class="middle">{text}</text>')
        parts.append(f'<path class="axis" d="M{self._left:.1f} {self._bottom}H{self._right}"/>')
        middle = (self._left + self._right) / 2
        parts.append(f'<text x="{middle:.1f}" y="{self.height - 6}" class="middle name">{escape(self.x.label)}</text>')
        parts.append(f'<text x="4" y="12" class="name">{escape(self.y.label)}</text>')
        at = float(WIDTH - 10)
        for css, name in reversed(self._keys):
            parts.append(f'<text x="{at:.0f}" y="12" class="end key {css}">{escape(name)}</text>')
            at -= 6.3 * len(name) + 14
        return Markup("".join([*parts, *self._marks, "</svg>"]))


def histogram(title: str, label: str, edges: Sequence[float], counts: Sequence[int], unit: str = "rows") -> Markup:
    """How many values lie between each two edges."""
    chart = Chart(title, Axis(label, float(edges[0]), float(edges[-1])), Axis(unit, 0, max([*counts, 1]) * 1.05))
    names = [f"{figure(a)} to {figure(b)}: {n:,} {unit}" for a, b, n in zip(edges, edges[1:], counts, strict=False)]
    chart.columns(edges, counts, "one", names)
    return chart.svg()
