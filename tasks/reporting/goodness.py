"""How good the data are, as lines of a table: what columns explain with its interval, and where rows differ."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from tasks.core.appraisal import Appraisal, Association, Distance
from tasks.core.figures import percent
from tasks.reporting.small import strip

MOST = 12


def explained(appraisal: Appraisal) -> list[tuple[Association, Markup]]:
    """The strongest associations, each with its interval from 0 to the highest of all."""
    shown = appraisal.associations[:MOST]
    bounds = (0.0, max((each.high for each in shown), default=0.0))
    return [(each, strip(each.share, each.low, each.high, bounds, _said(each), each.chance)) for each in shown]


def apart(appraisal: Appraisal) -> list[tuple[Distance, Markup]]:
    """The largest of the differences that chance does not explain."""
    shown = [each for each in appraisal.distances if each.beyond_chance][:MOST]
    bounds = (0.0, max((each.apart for each in shown), default=0.0))
    return [(each, strip(each.apart, 0.0, each.apart, bounds, _apart(each), each.chance)) for each in shown]


def quoting(text: str) -> Markup:
    """A sentence in which the names between backticks are set off, and all of the data's text is escaped."""
    return Markup(re.sub(r"`([^`]+)`", r"<b><bdi>\1</bdi></b>", str(escape(text))))


def _said(each: Association) -> str:
    return f"{each.feature}: {percent(each.share)}, {percent(each.low)} to {percent(each.high)}"


def _apart(each: Distance) -> str:
    return f"{each.column}, {each.between}: {percent(each.apart)}"
