"""Columns that hold personal data, and how many texts of language have some within; found by what the values look like.

The name of a column is a weaker hint: it lowers the share of values that must look so. No value is ever told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl

from tasks.core import store
from tasks.core.figures import percent
from tasks.core.records import Dataset
from tasks.examining.personal_kinds import BIRTH, KINDS, Kind
from tasks.examining.sampled import numbers

ROWS = 50_000
VALUES = 2_000
"""Different values looked at, from all over the column."""
LEAST_VALUES = 20
"""Different ones: of fewer nothing can be said."""
TOLD = 0.005
"""Share of the texts of language from which it is told that they have some within."""
PROVED = 200
"""Matches within texts that are looked at closer."""


def personal_columns(rows: Dataset, names: Sequence[str]) -> set[str]:
    """Which of the columns hold personal data, also where a model needs them for a declared feature alone."""
    known = [name for name, dtype in store.scan(rows).collect_schema().items() if name in names and dtype != pl.Binary]
    return {each.name for each in store.scan(rows).select(known).head(ROWS).collect() if personal(each)}


def personal(values: pl.Series) -> str:
    """What kind of personal data the column holds, with the figure; empty when it holds none."""
    name = _plain(values.name)
    if BIRTH.search(name) and (values.dtype.is_temporal() or values.dtype == pl.String):
        return "holds personal data: dates of birth, by its name"
    if not (values.dtype == pl.String or values.dtype.is_integer()):
        return ""
    if values.dtype.is_integer() and not np.nanmax(np.abs(numbers(values)), initial=0.0) >= 1_000_000:
        return ""
    texts = _texts(values)
    if len(texts) < LEAST_VALUES:
        return ""
    for kind in KINDS:
        hinted = bool(kind.names.search(name))
        if kind.needs_name and not hinted:
            continue
        share = _share(texts, kind)
        if share >= (kind.hinted if hinted else kind.least):
            return f"holds personal data: {percent(share)} of its values look like {kind.title}"
    return ""


def personal_within(texts: pl.Series) -> str:
    """What personal data stand within the texts of a column of language, and in what share of them; or nothing."""
    present = texts.drop_nulls()
    looked_at = present.gather_every(max(1, len(present) // VALUES)).str.head(10_000)
    told: list[str] = []
    for kind in KINDS:
        if not kind.within or not len(looked_at):
            continue
        matches = looked_at.str.extract(f"({kind.within})").drop_nulls()
        share = len(matches) / len(looked_at)
        if kind.proof is not None and len(matches):
            proved = [kind.proof(text) for text in matches.head(PROVED).to_list()]
            share *= sum(proved) / len(proved)
        if share >= TOLD:
            told.append(f"{kind.title} in {percent(share)}")
    return (
        f"{' and '.join(told)} of its texts; they stay, take them out if they should not be learned from"
        if told
        else ""
    )


def _plain(name: str) -> str:
    """The name in lower case, with its words apart: firstName and FIRST NAME are first_name."""
    return re.sub(r"\W+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).lower()


def _texts(values: pl.Series) -> pl.Series:
    """Different values as text, in an order that does not depend on that of the rows."""
    different = values.drop_nulls().unique().sort().cast(pl.String).str.strip_chars()
    different = different.filter(different != "")
    return different.gather_every(max(1, len(different) // VALUES)).head(VALUES)


def _share(texts: pl.Series, kind: Kind) -> float:
    matches = texts.filter(texts.str.contains(f"^(?:{kind.whole})$"))
    if kind.proof is None:
        return len(matches) / len(texts)
    return sum(kind.proof(text) for text in matches.to_list()) / len(texts)
