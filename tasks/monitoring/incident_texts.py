"""What goes wrong with texts and categories: other codes, another encoding, a length at which they are cut."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tasks.monitoring.incident_facts import ColumnFacts
from tasks.monitoring.incident_numbers import FEWEST, stuck
from tasks.monitoring.incident_records import Incident, Kind, incident
from tasks.monitoring.incident_values import GRID, as_text, is_garbled, reads_as_number, shape

SOME = 0.03
"""The share of the rows whose values are known ones in other letters, from which it is told."""
ALL = 0.8
"""The share of unseen values from which no new customers are the reason."""
N_SHOWN = 3


def text_incidents(window: pl.DataFrame, facts: ColumnFacts) -> Iterator[Incident]:
    """What is wrong with a column of texts or categories, the likeliest cause alone."""
    if window[facts.name].len() - window[facts.name].null_count() < FEWEST:
        return
    told = (_garbled, stuck, _levels, _cut, _format) if facts.type == "text" else (_levels, stuck)
    for each in told:
        result = each(window, facts)
        if result is not None:
            yield result
            return


def _garbled(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
    hit = is_garbled(window[facts.name])
    share = float(hit.mean() or 0.0)  # type: ignore[arg-type]
    if int(hit.sum()) < 3 or share < max(0.003, 5 * facts.garbled):
        return None
    like = _like(window[facts.name].filter(hit))
    told = f"{facts.name} was read in another encoding than it was written in: values like {like}"
    return incident("broken_encoding", window, hit, told, facts.name)


def _levels(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
    if not facts.levels:
        return None
    values = as_text(window[facts.name])
    known = list(facts.levels)
    unseen = (values.is_not_null() & ~values.is_in(known)).fill_null(False)
    n_values = len(values) - values.null_count()
    if not unseen.any():
        return None
    folded = {_folded(level) for level in known}
    found = values.filter(unseen)
    names = found.unique(maintain_order=True).to_list()
    respelt = [name for name in names if _folded(name) in folded]
    cut = [name for name in names if len(name) >= 2 and any(level.startswith(name) for level in known)]
    for kind, these, words in (
        ("recoded_levels", respelt, "known values in other letters or with spaces"),
        ("truncated_text", cut, "known values cut short"),
    ):
        hit = values.is_in(these).fill_null(False)
        n_hit = int(hit.sum())
        if n_hit >= max(3, SOME * n_values) and n_hit >= 0.5 * int(unseen.sum()):
            told = f"{facts.name} has {words} in {n_hit / n_values:.0%} of the rows: {_like(values.filter(hit))}"
            return incident(_kind(kind), window, hit, told, facts.name)
    if int(unseen.sum()) < ALL * n_values:
        return None
    told = (
        f"{facts.name} has values never seen before in {unseen.sum() / n_values:.0%} of the rows: {_like(found)} "
        f"where it had {_like(pl.Series(known))}; its values have other codes now"
    )
    return incident("recoded_levels", window, unseen, told, facts.name)


def _cut(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
    """Texts of many lengths that all end at one: where there were longer ones there are none."""
    if facts.levels or not facts.quantiles:
        return None
    lengths = window[facts.name].str.len_chars()
    longest = int(lengths.max() or 0)  # type: ignore[arg-type]
    at_end = lengths == longest
    share = float(at_end.mean() or 0.0)  # type: ignore[arg-type]
    # The share of texts that were at least as long, read off the quantiles.
    were = 1 - float(np.interp(longest - 0.5, facts.quantiles, GRID)) if facts.quantiles[-1] >= longest else 0.0
    n_at_end, beyond = int(at_end.sum()), facts.quantiles[-1] > longest
    ever = 1 - float(np.interp(longest + 0.5, facts.quantiles, GRID))
    if n_at_end >= 10 and beyond and ever >= 0.03 and share >= 0.6 * were:
        told = f"{facts.name} ends at {longest} characters in {share:.0%} of the rows, as if it were cut there"
        return incident("truncated_text", window, at_end, told, facts.name)
    return None


def _format(window: pl.DataFrame, facts: ColumnFacts) -> Incident | None:
    values = window[facts.name]
    numeric = reads_as_number(values)
    if not facts.levels and facts.numeric < 0.02 and float(numeric.mean() or 0.0) >= 0.5:  # type: ignore[arg-type]
        told = f"{facts.name} holds numbers like {_like(values.filter(numeric))} where it had texts"
        return incident("new_type", window, numeric, told, facts.name)
    if not facts.shapes or not all("9" in each for each in facts.shapes):
        return None
    other = (values.is_not_null() & ~shape(values).is_in(list(facts.shapes))).fill_null(False)
    if other.sum() < 0.3 * len(values):
        return None
    told = f"{facts.name} is written in another format: {_like(values.filter(other))} where it was {facts.shapes[0]!r}"
    return incident("new_type", window, other, told, facts.name)


def _folded(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _kind(kind: str) -> Kind:
    return "truncated_text" if kind == "truncated_text" else "recoded_levels"


def _like(values: pl.Series) -> str:
    shown = values.head(200).unique(maintain_order=True).head(N_SHOWN).to_list()
    return ", ".join(repr(str(value)[:40]) for value in shown)
