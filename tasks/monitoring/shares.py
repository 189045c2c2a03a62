"""Shares of rows on a scale where their variance is the same, whatever they are."""

from __future__ import annotations

import math

import numpy as np

from tasks.monitoring.cells import Floats


def rooted(count: Floats, rows: Floats) -> Floats:
    """Twice the arcsine root of a share (Anscombe): its variance is 1 / rows whatever the share is."""
    return 2 * np.arcsin(np.sqrt((count + 0.375) / (rows + 0.75)))


def unrooted(values: Floats) -> Floats:
    """The share of such a root."""
    return np.sin(np.clip(values, 0, np.pi) / 2) ** 2


def share_of(value: float) -> float:
    """The same of one."""
    return math.sin(min(max(value, 0.0), math.pi) / 2) ** 2
