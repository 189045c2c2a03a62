"""A model of every kind of raw column, fitted in a second: what packages are made of in these tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.core.expressions import with_declared
from tasks.core.model_records import Champion, ModelCard
from tasks.core.records import Blob, Column, Feature, Target, Treatment
from tasks.exports.onnx import export
from tasks.exports.packages import Source
from tasks.modalities.matrix import matrix
from tasks.models import FAMILIES
from tasks.models.blend import Blend
from tasks.models.family import Profile
from tasks.scoring.inputs import as_json, taken
from tasks.scoring.scorer import Scorer
from tasks.serving.alone import Alone

COLUMNS = (
    Column(name="size", type="number", n_missing=1, missing_values=("-999", "0.1")),
    Column(name="rooms", type="integer", n_missing=1),
    Column(name="town", type="text", n_missing=1, missing_values=("?", "n/a", "(none)")),
    Column(name="flag", type="boolean", n_missing=1),
    Column(name="sold", type="date", n_missing=1, missing_values=("1900-01-01",)),
    Column(name="prediction", type="number", n_missing=0),  # as an output is called
    Column(name="naïve “x”", type="number", n_missing=0),
)
FEATURES = (
    Feature(name="size", kind="number"),
    Feature(name="rooms", kind="category", levels=("3", "2", "4.5")),
    Feature(name="town", kind="category", levels=("Paris", "Saint-Étienne", "a\"b\\c'd\n", "NA")),
    Feature(name="flag", kind="boolean"),
    Feature(name="sold", kind="date", treatment=Treatment(cycles=("year",))),
    Feature(name="prediction", kind="number"),
    Feature(name="naïve “x”", kind="number"),
    Feature(name="per_room", kind="number", expression="size / rooms"),
    Feature(name="month", kind="number", expression="month(sold)"),
    Feature(
        name="band",
        kind="category",
        levels=("middle", "small"),
        expression="case(size < 50, 'small', size < 150 and flag, 'middle', 'large')",
    ),
)
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
MakeSource = Callable[..., Source]


def raw_rows(n_rows: int = 240) -> pl.DataFrame:
    """Rows of every column, some values missing or standing for it."""
    rng = np.random.default_rng(5)
    first = datetime(2020, 1, 1)  # noqa: DTZ001
    towns = ["Paris", "Saint-Étienne", "a\"b\\c'd\n", "NA", "?", " n/a ", "Lyon", None]
    return pl.DataFrame(
        {
            "size": [
                None if n % 17 == 0 else -999.0 if n % 19 == 0 else float(s)
                for n, s in enumerate(rng.normal(100, 40, n_rows))
            ],
            "rooms": rng.choice([2.0, 3.0, 4.5, 7.0], n_rows),
            "town": [towns[n] for n in rng.integers(len(towns), size=n_rows)],
            "flag": [None if n % 13 == 0 else bool(n % 3) for n in range(n_rows)],
            "sold": [first + timedelta(days=3 * n, microseconds=n) for n in range(n_rows)],
            "prediction": rng.integers(0, 9, n_rows).astype(float),
            "naïve “x”": rng.normal(0, 1, n_rows),
        }
    )


@cache
def made(problem: Any, families: tuple[str, ...]) -> Source:
    """A blend of the families, as it would lie in the registry."""
    raw = taken(raw_rows(), COLUMNS)
    x = matrix(with_declared(raw, FEATURES), FEATURES)
    signal = np.nan_to_num(x[:, 0], nan=80.0) / 40 + x[:, 6] + (x[:, 2] == 0) + np.nan_to_num(x[:, 3])
    classes = CLASSES[problem]
    y = signal if not classes else np.digitize(signal, np.quantile(signal, np.linspace(0, 1, len(classes) + 1)[1:-1]))
    profile = Profile(
        n_rows=len(x),
        n_features=len(FEATURES),
        n_categories=3,
        n_levels=9,
        widest_category=4,
        problem=problem,
        n_classes=len(classes),
        skewed_target=False,
        cores=1,
        memory_bytes=1 << 30,
    )
    members = []
    for family in map(FAMILIES.__getitem__, families):
        params = {**family.defaults(profile)[0]} | ({"max_iter": 15} if family.kind == "boosting" else {})
        members.append(family.fit(family.estimator(problem, FEATURES, params, 0), x, y))
    card = ModelCard(
        project="ship",
        target=Target(name="y", problem=problem, classes=classes),
        metric="log_loss",
        inputs=COLUMNS,
        features=FEATURES,
        threshold=0.4,
        members=(),
        data_digest="",
        sample=as_json(raw_rows().gather_every(50)),
    )
    data = export(Blend(members, [0.4, 0.6][: len(members)]), card)
    digest = hashlib.sha256(data).hexdigest()
    return Source(
        "ship",
        Champion(version="3", artifact=Blob(digest=digest, suffix=".onnx", size=len(data))),
        Scorer.of(data, digest=digest),
        data,
        Alone(name="ship", version="3", digest=digest).model_dump_json(),
    )


@pytest.fixture
def make_source() -> MakeSource:
    """A function from a problem, and families, to a registered model."""
    return lambda problem="binary", families=("linear", "boosting"): made(problem, families)
