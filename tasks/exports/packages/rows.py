"""Raw rows on which an exported model must answer as the served one, made of the card alone.

Its sample rows, all missing, each column strange by itself, and every column drawn anew from what it could hold: known
levels, values never seen, what stands for a missing one, constants of declared features, and extremes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.core import expressions, markers, syntax
from tasks.core.model_records import ModelCard
from tasks.core.records import Column, Feature, Record
from tasks.exports.packages.front import Input
from tasks.exports.parity import largest_difference
from tasks.modalities.matrix import matrix
from tasks.modalities.values import number_codes
from tasks.scoring import inputs

if TYPE_CHECKING:
    import polars as pl

N_ROWS = 1_000
EXTREMES = (0.0, 1e30, -1e30, 1e-30, -1.0, 0.5)
BETWEEN = 40
"""Numbers between the least and the greatest of a column that are asked."""
NEW = ("never seen before", " ", "Zoë & 猫")
MOMENTS = ("1970-01-01T00:00:00", "1899-12-31T23:59:59.999999", "2000-02-29T12:00:00.000001", "2100-03-01T06:30:00")


class Compared(Record):
    """How the answers differ: the largest |a - b| / max(1, |a|), and how many rows have another prediction."""

    n_rows: int
    largest_difference: float
    predictions_changed: int
    beyond_a_hundredth: int = 0


def compared(expected: pl.DataFrame, predictions: Sequence[Any], probabilities: Any | None) -> Compared:
    """The served answers against those of the export; rows without a finite answer have no prediction to compare."""
    names = [name for name in expected.columns if name.startswith("probability_")]
    theirs = expected.select(names or "prediction").to_numpy()
    found = np.asarray(probabilities if names else predictions, dtype=np.float64).reshape(theirs.shape)
    finite = np.isfinite(theirs).all(axis=1)
    changed = [a != b for a, b in zip(expected["prediction"].to_list(), predictions, strict=True)] if names else []
    with np.errstate(invalid="ignore", over="ignore"):
        relative = np.abs(theirs - found) / np.maximum(1.0, np.abs(theirs))
    return Compared(
        n_rows=len(theirs),
        largest_difference=largest_difference(theirs, found),
        predictions_changed=int(np.sum(np.array(changed, dtype=bool) & finite)) if changed else 0,
        beyond_a_hundredth=int(np.sum(relative[finite] > 1e-2)),
    )


def strange(card: ModelCard) -> pl.DataFrame:
    """The rows, in the model's types. The same card gives the same rows."""
    import polars as pl

    given = inputs.taken(samples(card), card.inputs, missing_ok=True)
    rng = np.random.default_rng(0)
    pools = {column.name: _pool(column, card, given[column.name]) for column in card.inputs}
    base = given.to_dicts()
    rows = [*base, dict.fromkeys(pools)]
    for turn in range(max((len(pool) for pool in pools.values()), default=0)):
        for name, pool in pools.items():
            if turn < len(pool) and len(rows) < N_ROWS // 2:
                rows.append({**base[len(rows) % len(base)], name: pool[turn]})
    while len(rows) < N_ROWS:
        rows.append({name: pool[rng.integers(len(pool))] for name, pool in pools.items()})
    types = {column.name: inputs.dtype(column) for column in card.inputs}
    return pl.DataFrame(rows, schema=types)


def samples(card: ModelCard) -> pl.DataFrame:
    """The card's sample rows, as they were read from JSON."""
    import polars as pl

    return pl.DataFrame([json.loads(sample) for sample in card.sample], infer_schema_length=None)


def feeds(frame: pl.DataFrame, card: ModelCard, ports: Sequence[Input]) -> dict[str, NDArray[Any]]:
    """What a host would give the inputs for these rows: texts or doubles, (n, width)."""
    import polars as pl

    typed = inputs.taken(frame, card.inputs, missing_ok=True)
    made = expressions.with_declared(typed, card.features)
    found: dict[str, NDArray[Any]] = {}
    for port in ports:
        raw = frame[port.name] if port.name in frame.columns and not port.by_host else None
        if port.type == "codes":
            found[port.name] = matrix(made, [each for each in card.features if each.name == port.name])
            continue
        values = raw if raw is not None else made[port.name]
        if port.type == "text":
            found[port.name] = values.fill_null("").to_numpy().astype(object).reshape(-1, 1)
        else:
            if port.type == "date":
                values = values.cast(pl.Datetime("us")).to_physical().cast(pl.Float64) / 1e3
            found[port.name] = values.cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, 1)
    return found


def _pool(column: Column, card: ModelCard, samples: pl.Series) -> list[Any]:
    """What the column could hold; None among it."""
    reading = [feature for feature in card.features if feature.name == column.name]
    constants = [value for each in card.features for value in _constants(each, column.name)]
    given = samples.drop_nulls().to_list()
    if column.type == "text":
        said = markers.texts(column.missing_values)
        levels = [level for feature in reading for level in feature.levels]
        texts = [each for each in constants if isinstance(each, str)]
        return [None, *NEW, *said, *(f" {each}\t" for each in said), *given, *texts, *levels]
    if column.type == "boolean":
        return [None, True, False]
    if column.type == "date":
        around = [each + timedelta(hours=13 * n**2 * sign) for each in given for n in range(1, 12) for sign in (-1, 1)]
        stands = markers.moments(column.missing_values)
        return [None, *map(datetime.fromisoformat, MOMENTS), *stands, *given, *around]
    if column.type not in ("number", "integer"):
        return [None, *given]
    numbers = [float(each) for each in constants if isinstance(each, float)]
    known = [number for feature in reading for number in number_codes(feature)]
    known += [each for each in map(float, given) if np.isfinite(each)] + numbers
    between = np.linspace(min(known, default=0.0), max(known, default=1.0), BETWEEN).tolist()
    rounded = [float(round(each)) for each in between]
    return [None, *EXTREMES, *markers.numbers(column.missing_values), *known, *between, *rounded]


def _constants(feature: Feature, column: str) -> list[float | str | bool]:
    """The constants of a declared feature that reads the column."""
    if feature.expression is None:
        return []
    tree = syntax.parse(feature.expression)
    if column not in syntax.names_in(tree):
        return []
    found: list[float | str | bool] = []
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, syntax.Literal):
            found.append(node.value)
        elif isinstance(node, syntax.Call):
            waiting.extend(node.arguments)
    return found
