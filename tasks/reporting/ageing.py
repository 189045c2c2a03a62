"""How a model ages, as a chart: the loss of older models beside a new one's."""

from __future__ import annotations

from markupsafe import Markup

from tasks.core.age_curve import AgeCurve
from tasks.reporting.charts import Axis, Chart


def by_age(curve: AgeCurve) -> Markup:
    """Each age that was looked at as a point, and the line that says what a window adds."""
    points = sorted(curve.points, key=lambda each: each.age)
    ages, losses = [0.0, *(each.age for each in points)], [1.0, *(each.relative_loss for each in points)]
    fitted = [1 + curve.per_window * age for age in ages]
    y = Axis.around("relative loss", losses, fitted)
    chart = Chart("Loss against the age of the model", Axis.around("windows old", ages), y)
    chart.line(ages, fitted, "two", "fitted")
    chart.points(ages, losses, "one")
    return chart.svg()
