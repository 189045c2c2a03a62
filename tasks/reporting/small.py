"""Charts as small as a word, for the cells of a table: a histogram, an interval, a length."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from tasks.reporting.charts import Axis


def spark(counts: Sequence[float], title: str) -> Markup:
    """A histogram as small as a word."""
    top, width = max([*counts, 1e-9]), 96 / max(len(counts), 1)
    bars = "".join(
        f"M{index * width:.1f} 22v-{max(20 * count / top, 0.8):.1f}h{width * 0.86:.1f}V22z"
        for index, count in enumerate(counts)
        if count > 0
    )
    return Markup(
        f'<svg class="spark" viewBox="0 0 96 22" role="img" aria-label="{escape(title)}">'
        f'<title>{escape(title)}</title><path class="bar one" d="{bars}"/></svg>'
    )


def strip(
    value: float, low: float, high: float, bounds: tuple[float, float], title: str, rule: float | None = None
) -> Markup:
    """A figure and its interval on one short line, with a mark to compare it with."""
    axis = Axis("", *bounds)

    def at(x: float) -> float:
        return round(4 + 112 * min(1.0, max(0.0, (x - axis.low) / (axis.high - axis.low))), 1)

    mark = f'<line class="rule" x1="{at(rule)}" x2="{at(rule)}" y1="0" y2="16"/>' if rule is not None else ""
    return Markup(
        f'<svg class="strip" viewBox="0 0 120 16" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
        f'<line class="grid" x1="4" x2="116" y1="8" y2="8"/>{mark}'
        f'<line class="whisker one" x1="{at(low)}" x2="{at(high)}" y1="8" y2="8"/>'
        f'<circle class="dot one" cx="{at(value)}" cy="8" r="3.4"/></svg>'
    )


def bar(value: float, bounds: tuple[float, float], title: str) -> Markup:
    """A length from zero, to either side."""
    axis = Axis("", min(bounds[0], 0.0), max(bounds[1], 0.0))
    zero, at = ((x - axis.low) / (axis.high - axis.low) * 120 for x in (0.0, value))
    left, width = min(zero, at), max(abs(at - zero), 0.8)
    css = "one" if value >= 0 else "two"
    return Markup(
        f'<svg class="strip" viewBox="0 0 120 16" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
        f'<rect class="bar {css}" x="{left:.1f}" y="3" width="{width:.1f}" height="10" rx="1.5"/></svg>'
    )
