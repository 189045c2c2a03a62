"""Which columns of a model can be watched in its log: neither those that it drops, nor the moment of the row itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from tasks.core.model_records import ModelCard
from tasks.core.predictions.masking import Logged
from tasks.core.records import BYTES, Claim, Column
from tasks.monitoring.view_values import Load
from tasks.monitoring.views import ViewPlan, views


def plan(card: ModelCard, masked: Mapping[str, Logged], time: str | None, load: Load | None = None) -> ViewPlan:
    """The views that training rows and logged rows share; `masked` says which columns the log hashes or drops.

    Left out are views of what the log drops, of the column `time` (a window is one weekday), ages where the training
    rows do not say when they came, and of two classes the first one's probability.
    """
    dropped = {name for name, what in masked.items() if what == "drop"}
    # Of two classes the one probability says all that the other does, and would cost as many false alarms again.
    twice = f"probability · {card.target.classes[0]}" if card.target.problem == "binary" else ""
    whole = views(card, hashed=masked, load=load)
    kept = tuple(
        column
        for column in whole.columns
        if column.of not in dropped
        and column.of != time
        and column.name != twice
        and (time is not None or not column.name.endswith(" · age"))
    )
    return replace(whole, columns=kept)


def only(plan: ViewPlan, names: Collection[str]) -> ViewPlan:
    """The plan with the columns that a reference has, whatever it was made with."""
    return replace(plan, columns=tuple(column for column in plan.columns if column.name in names))


def plain(card: ModelCard, masked: Mapping[str, Logged]) -> list[Column]:
    """The inputs that the log holds as they came: what incidents are looked for in."""
    return [column for column in card.inputs if column.name not in masked]


def lost(card: ModelCard, masked: Mapping[str, Logged]) -> list[str]:
    """The inputs that the log does not hold as they were asked: without them no model can be asked anew."""
    return [*masked, *(column.name for column in card.inputs if column.type in BYTES)]


def claims(card: ModelCard, masked: Mapping[str, Logged]) -> list[Claim]:
    """The expectations of columns that the log holds as they came."""
    return [each for each in card.expectations if not _named(each) & masked.keys()]


def _named(claim: Claim) -> set[str]:
    """What its arguments name: columns among other texts, which is no harm."""
    named: set[str] = set()
    for value in claim.arguments.values():
        if isinstance(value, str):
            named.add(value)
        elif isinstance(value, list):
            named |= {each for each in value if isinstance(each, str)}
    return named
