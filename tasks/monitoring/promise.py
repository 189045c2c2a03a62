"""How a yearly number of false alarms is spent: on columns, pairs and slow drift, and how honestly it can be given."""

from __future__ import annotations

from dataclasses import dataclass

COLUMNS, PAIRS, SLOW = 0.60, 0.20, 0.20
"""Shares of the budget."""
SHARES = {"mean": 0.6, "spread": 0.16, "share": 0.76, "missing": 0.12, "outside": 0.12}
"""How a column's budget is divided; all its levels together have the share of `share`."""
DIVISORS = ((90, 1.25), (30, 4.0), (14, 10.0))
"""Days of the reference from which on, and by what the budget is divided then: what few days do not know of their
own variance costs alarms. Found by simulation (benchmarks/drift.py)."""
LEAST_DAYS = DIVISORS[-1][0]
YEAR = 365


@dataclass(frozen=True)
class Budget:
    """The chances of a false alarm in one window for each column and each correlation, and the evidence that slow
    drift takes."""

    column: float
    correlation: float
    slow: float


def budget(false_alarms: float, n_days: int, n_columns: int, n_correlations: int, per_year: float = YEAR) -> Budget:
    """What one window may spend. Without enough days of reference that is nothing, for nothing can be promised."""
    divisor = next((divisor for days, divisor in DIVISORS if n_days >= days), float("inf"))
    daily = false_alarms / per_year
    slow = max(n_columns, 1) / (SLOW * daily) if n_days >= LEAST_DAYS else float("inf")
    return Budget(COLUMNS * daily / divisor / max(n_columns, 1), PAIRS * daily / divisor / max(n_correlations, 1), slow)


def rate(false_alarms: float) -> str:
    """In words, like `1 false alarm a year`."""
    return f"{false_alarms:g} false alarm{'' if false_alarms == 1 else 's'} a year"


def promised(false_alarms: float, n_days: int, kept: bool = True) -> str:
    """The promise in words, or why there is none."""
    if n_days == 0:
        return (
            "No promise: the reference's rows have no dates, and how much days differ cannot be known. Sizes are shown;"
            " only new levels, and missing values where none were, raise an alarm."
        )
    if n_days < LEAST_DAYS:
        return (
            f"No promise: the reference has {n_days} days, and less than {LEAST_DAYS} say too little about how much"
            " days differ. Sizes are shown; only new levels, and missing values where none were, raise an alarm."
        )
    if not kept:
        return (
            f"NOT KEPT: {rate(false_alarms)} would be promised, but over the reference's own days there were more"
            " alarms than that allows. Its days differ in a way that the next ones need not follow."
        )
    return f"At most {rate(false_alarms)}, over all columns, pairs and windows. The yearly season has not been seen."


def short(n_days: int) -> str:
    """What a short reference costs, in words; nothing if it costs nothing."""
    if n_days >= DIVISORS[0][0] or n_days < LEAST_DAYS:
        return ""
    return f"With {n_days} days of reference only large shifts are seen; {DIVISORS[0][0]} days see smaller ones."
