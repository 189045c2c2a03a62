"""The models that tuning chose, fitted: on the training rows, to be watched, and on all rows, for good."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from sklearn.pipeline import Pipeline

from tasks.core.model_records import Member
from tasks.learning.answered import all_classes, certain
from tasks.learning.development import Development
from tasks.learning.parallel import in_parallel, one_thread
from tasks.models import FAMILIES
from tasks.models.blend import Blend
from tasks.models.family import answer


def blended(members: Sequence[Member], data: Development, rows: np.ndarray, seed: int, threads: int) -> Any:
    """The members fitted on those rows, as one model."""
    calls = [partial(_fitted, member, data, rows, None, seed) for member in members]
    return _blend(_all(calls, threads), members)


def asked(
    member: Member, data: Development, known: Sequence[np.ndarray], rows: np.ndarray, seed: int, threads: int
) -> list[np.ndarray]:
    """What the member answers to the rows, fitted on each of the sets of `known` ones alone."""
    return _all([partial(_asked, member, data, each, rows, seed) for each in known], threads)


def watched(members: Sequence[Member], data: Development, seed: int, threads: int) -> tuple[Any, pl.DataFrame]:
    """The members fitted on the training rows alone, as one model, and their losses per iteration.

    The table's columns: member (its number), family, iteration, set (train or validation), loss.
    """
    train, held_out = np.arange(data.n_train), np.arange(data.n_train, len(data.y))
    models = _all([partial(_fitted, member, data, train, held_out, seed) for member in members], threads)
    rows = [row for number, model in enumerate(models) for row in _curves(number, members[number].family, model)]
    schema = {"member": pl.Int64, "family": pl.String, "iteration": pl.Int64, "set": pl.String, "loss": pl.Float64}
    return _blend(models, members), pl.DataFrame(rows, schema=schema, orient="row")


def parity_table(model: Any, x: np.ndarray) -> pl.DataFrame:
    """Rows of the matrix, as x0, x1, …, and what the model answers to them, as y0, y1, …"""
    with one_thread():
        answers = answer(model, x).reshape(len(x), -1)
    columns = {f"x{number}": column for number, column in enumerate(x.T)}
    return pl.DataFrame(columns | {f"y{number}": column for number, column in enumerate(answers.T)})


def _fitted(member: Member, data: Development, rows: np.ndarray, held_out: np.ndarray | None, seed: int) -> Any:
    family = FAMILIES[member.family]
    seen = data.seen(family.wants, rows, seed)
    estimator = family.estimator(data.problem, seen.features, json.loads(member.params), seed)
    watch = None if held_out is None or not len(held_out) else (seen.x[held_out], data.y[held_out])
    model = family.fit(estimator, seen.x[rows], data.y[rows], held_out=watch)
    return model if seen.front is None else Pipeline([("front", seen.front), ("model", model)])


def _asked(member: Member, data: Development, known: np.ndarray, rows: np.ndarray, seed: int) -> np.ndarray:
    if (answers := certain(data.y[known], len(rows), data)) is not None:
        return answers
    model = _fitted(member, data, known, None, seed)
    return all_classes(model, answer(model, data.x[rows]), data)


def _all(calls: list[Any], threads: int) -> list[Any]:
    with one_thread():
        return [model for some in in_parallel(calls, threads) for model in some]


def _blend(models: Sequence[Any], members: Sequence[Member]) -> Any:
    return models[0] if len(models) == 1 else Blend(models, [member.weight for member in members])


def _curves(number: int, family: str, model: Any) -> Iterator[tuple[int, str, int, str, float]]:
    model = model["model"] if isinstance(model, Pipeline) and "front" in model.named_steps else model
    for name, losses in FAMILIES[family].curves(model).items():
        for iteration, loss in enumerate(losses):
            yield number, family, iteration, name, float(loss)
