"""Labelled streams whose drift is known: what relates inputs to a target, and how that changes. Made from a seed.

Eight numbers and a category of six levels; the first numbers count, with a product and a bend among them. Of each kind
the docstring says what changes. Weeks of `A_WEEK` rows from a Monday on. None was looked at when the constants of
the default policy were chosen, but for how many windows let a correction serve.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
WEEK = 604_800
A_WEEK, WEEKS = 250, 60
NUMBERS, LEVELS = 8, 6
Floats = npt.NDArray[np.float64]


@dataclass
class Rows:
    """What a kind starts from: the inputs, their moments as a share of the stream (`t`) and in weeks, and chance."""

    random: np.random.Generator
    weeks: Floats
    x: Floats
    level: npt.NDArray[np.int64]
    weight: Floats

    @property
    def t(self) -> Floats:
        return self.weeks / self.weeks[-1]

    def score(self, weight: Floats | None = None) -> Floats:
        """What the target goes by where nothing drifts."""
        weight = self.weight if weight is None else weight
        bend = 0.7 * np.sin(2 * self.x[:, 0]) * self.x[:, 1]
        return self.x @ weight + bend + np.array([-0.5, 0.0, 0.5, 0.2, -0.3, 0.0])[self.level]

    def drawn(self, score: Floats, steep: float = 1.5) -> npt.NDArray[np.int64]:
        """A class by the logistic of the score."""
        return (self.random.random(len(score)) < 1 / (1 + np.exp(-steep * score))).astype(np.int64)

    def valued(self, score: Floats, noise: float = 1.0) -> Floats:
        """A value about the score."""
        return score + noise * self.random.normal(size=len(score))


Target = npt.NDArray[np.int64] | Floats | list[str]


def rows_of(seed: int, moments: Floats) -> Rows:
    """The inputs of rows that come at these moments, in weeks."""
    random, n_rows = np.random.default_rng(seed), len(moments)
    weight = random.normal(size=NUMBERS) * np.array([1, 1, 0.7, 0.5, 0.3, 0, 0, 0])
    level = random.integers(0, LEVELS, n_rows)
    return Rows(random, moments, random.normal(size=(n_rows, NUMBERS)), level, weight)


def none(rows: Rows) -> Target:
    """Nothing changes."""
    return rows.drawn(rows.score())


def sea(rows: Rows) -> Target:
    """The threshold jumps three times (Street and Kim, 2001), a tenth of the labels are wrong."""
    rows.x = rows.random.uniform(0, 10, rows.x.shape)
    threshold = np.array([8.0, 9.0, 7.0, 9.5])[np.minimum(rows.t * 4, 3).astype(int)]
    wrong = rows.random.random(len(rows.t)) < 0.1
    return ((rows.x[:, 0] + rows.x[:, 1] <= threshold) ^ wrong).astype(np.int64)


def flip(rows: Rows) -> Target:
    """At 60 % the relation turns round at once."""
    score = rows.score()
    return rows.drawn(np.where(rows.t < 0.6, score, -0.6 * score + rows.x[:, 5]))


def hyperplane(rows: Rows) -> Target:
    """The weights turn slowly, three quarters of a half turn altogether."""
    angle = rows.t * np.pi * 0.75
    return rows.drawn(np.cos(angle) * rows.score() + np.sin(angle) * (rows.x @ np.roll(rows.weight, 3)))


def seasons(rows: Rows) -> Target:
    """Two relations that take turns every ten weeks."""
    other = np.roll(rows.weight, 4)
    return rows.drawn(np.where(rows.weeks // 10 % 2 == 0, rows.score(), rows.score(other)))


def passing(rows: Rows) -> Target:
    """Six weeks in the middle are of another relation, then all is as it was."""
    score, within = rows.score(), (rows.t > 0.5) & (rows.t < 0.6)
    return rows.drawn(np.where(within, -score, score))


def covariate(rows: Rows) -> Target:
    """The inputs move by three standard deviations; what they mean stays."""
    rows.x[:, 0] += 3 * rows.t
    rows.x[:, 2] *= 1 + rows.t
    return rows.drawn(rows.score())


def noise(rows: Rows) -> Target:
    """The target goes by its inputs less and less."""
    return rows.drawn(rows.score() * (1 - 0.9 * rows.t))


def prior(rows: Rows) -> Target:
    """One class grows commoner and rarer, three times."""
    return rows.drawn(rows.score() + 2.5 * np.sin(6 * np.pi * rows.t))


def meaning(rows: Rows) -> Target:
    """From 40 % on a column comes in another unit, from 70 % on the levels of the category have other names."""
    found = rows.drawn(rows.score() + np.array([-2.0, -1.0, 0.0, 0.0, 1.0, 2.0])[rows.level])
    rows.x[rows.t > 0.4, 1] *= 2.54
    rows.level = np.where(rows.t > 0.7, (rows.level + 2) % LEVELS, rows.level)
    return found


def imbalanced(rows: Rows) -> Target:
    """Two rows of a hundred are of the class, and another column tells which, bit by bit."""
    score = rows.score() + 1.5 * (1 - rows.t) * rows.x[:, 3] + 1.5 * rows.t * rows.x[:, 6]
    return rows.drawn(score - 4.6)


def three(rows: Rows) -> Target:
    """Three classes, of which the third grows; their borders turn."""
    angle = rows.t * np.pi / 2
    across = np.cos(angle) * rows.x[:, 2] + np.sin(angle) * rows.x[:, 4]
    scores = np.stack([rows.score(), 1.5 * across, 2 * rows.t - 1], axis=1)
    found = (1.5 * scores + rows.random.gumbel(size=scores.shape)).argmax(axis=1)
    return [f"class {each}" for each in found]


def steady_value(rows: Rows) -> Target:
    """A value; nothing changes, errors have heavy tails."""
    return 2 * rows.score() + rows.random.standard_t(2.5, len(rows.t))


def inflation(rows: Rows) -> Target:
    """A value that grows by three quarters of a percent a week, its errors with it."""
    return np.exp(0.4 * rows.score() + 0.0075 * rows.weeks + 0.2 * rows.random.normal(size=len(rows.t))) * 100


def trend(rows: Rows) -> Target:
    """A value that rises steadily, by ten of its errors' deviations in all."""
    return rows.valued(2 * rows.score() + 10 * rows.t)


def steps(rows: Rows) -> Target:
    """The level of a value jumps at 35 % and 70 %."""
    return rows.valued(2 * rows.score() + 3 * (rows.t > 0.35) - 5 * (rows.t > 0.7))


def waves(rows: Rows) -> Target:
    """The level of a value goes up and down five times; errors have heavy tails."""
    return 2 * rows.score() + 4 * np.sin(10 * np.pi * rows.t) + rows.random.standard_t(2.5, len(rows.t))


Kind = Callable[[Rows], Target]
CLASSES: tuple[Kind, ...] = (
    none,
    sea,
    flip,
    hyperplane,
    seasons,
    passing,
    covariate,
    noise,
    prior,
    meaning,
    imbalanced,
    three,
)
VALUES: tuple[Kind, ...] = (steady_value, inflation, trend, steps, waves)


def evenly(random: np.random.Generator, a_week: int = A_WEEK, weeks: int = WEEKS) -> Floats:
    """So many rows a week."""
    return np.sort(random.uniform(0, weeks, a_week * weeks))


def in_bursts(random: np.random.Generator) -> Floats:
    """Most rows within a few weeks, many of which have a dozen, and ten weeks with none."""
    sizes = np.minimum(random.pareto(0.8, WEEKS) * 40 + 5, 6_000).astype(int)
    sizes[30:40] = 0
    sizes[:4] = A_WEEK
    return np.sort(np.repeat(np.arange(WEEKS), sizes) + random.uniform(0, 1, sizes.sum()))


STREAMS: dict[str, tuple[Kind, Callable[[np.random.Generator], Floats]]] = {
    **{each.__name__: (each, evenly) for each in (*CLASSES, *VALUES)},
    "few_rows": (hyperplane, lambda random: evenly(random, 60, 80)),
    "few_values": (steps, lambda random: evenly(random, 60, 80)),
    "many_rows": (flip, lambda random: evenly(random, 2_000, 20)),
    "bursts": (hyperplane, in_bursts),
}


def write(name: str, seed: int, folder: Path) -> Path:
    """The stream as a project in the folder."""
    kind, when = STREAMS[name]
    rows = rows_of(seed, when(np.random.default_rng(1_000 + seed)))
    target = kind(rows)
    moments = [START + datetime.timedelta(seconds=each) for each in (rows.weeks * WEEK).tolist()]
    numbers = {f"number_{i}": rows.x[:, i] for i in range(NUMBERS)}
    levels = [f"level {each}" for each in rows.level]
    frame = pl.DataFrame({"came": moments, **numbers, "category": levels, "y": target})
    folder.mkdir(parents=True, exist_ok=True)
    frame.write_csv(folder / "rows.csv", datetime_format="%Y-%m-%d %H:%M:%S%.6f")
    metric = "rmse" if kind in VALUES else "log_loss"
    said = f"name: {name}\nsource: rows.csv\ntarget: y\nmetric: {metric}\nsplit: {{by: time, column: came}}\n"
    (folder / "project.yaml").write_text(said + "retrain: {every: 7d}\n")
    return folder
