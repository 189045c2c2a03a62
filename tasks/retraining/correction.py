"""The cheap correction of a champion: a few small trees on its raw score, fitted on the newest rows.

A whole training answers the question whether a model of today would be better; a correction of a tenth of the
champion's trees answers nearly the same one for a tenth of the time, and asks nothing of the champion but its answers:
these are Newton steps (Friedman, Greedy function approximation, 2001) that begin where the champion stands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tasks.core.records import Problem

if TYPE_CHECKING:
    from tasks.core.model_records import ModelCard

Floats = npt.NDArray[np.float64]
Answers = npt.NDArray[Any]

TAUGHT = 4
"""Windows whose rows teach a correction, whether the champion knows them or not. Of two streams that were replayed two
windows were too few, eight no better, and a tenth of eight was worth nothing."""
FEWEST_TAUGHT = 200
"""Rows at least, from windows before where there are not so many: outcomes may be rare, or late."""
SHARE_OF_TREES = 0.1
TREES = 200
"""Taken to be the champion's where it has none that can be counted."""
FEWEST_TREES, MOST_TREES = 10, 50
LEAVES = 8
LEARNING_RATE = 0.1
LEAST_IN_LEAF = 20
SAMPLED = 0.25
"""Of the rows each tree is grown on, drawn anew (Friedman, Stochastic gradient boosting, 2002): trees on other rows
agree in what is there and not in the noise, and cost a quarter."""
FEWEST_SAMPLED = 400
FEATURES = 0.7
"""Of the features that each split looks at."""
SURE = 1e-6
"""Probabilities are taken to be no nearer to 0 and 1: a sure mistake would outweigh all other rows."""
LARGEST_STEP = 2.0
"""Of a leaf, in logits: where the champion was sure and wrong the curvature is next to nothing, and a Newton step would
be without end (Friedman, Hastie and Tibshirani, Additive logistic regression, 2000, bound it by 2 to 4)."""
LARGEST = 3e38
"""scikit-learn's trees see float32, and refuse what it cannot hold."""


@dataclass(frozen=True)
class Correction:
    """What is added to the champion's raw score; one list of trees for each output of the model."""

    problem: Problem
    trees: tuple[tuple[Any, ...], ...]
    learning_rate: float = LEARNING_RATE

    def answers(self, x: Floats, champion: Floats) -> Floats:
        """What the corrected champion answers to rows of its matrix to which it answers `champion`."""
        raw = raw_score(self.problem, champion)
        seen = _seen(x)
        for output, trees in enumerate(self.trees):
            for tree in trees:
                raw[:, output] += self.learning_rate * tree.predict(seen, check_input=False)
        return answered(self.problem, raw)


def fitted(
    x: Floats, y: Answers, champion: Floats, problem: Problem, n_trees: int = int(SHARE_OF_TREES * TREES), seed: int = 0
) -> Correction:
    """The correction by these rows: their matrix, their target (class codes or values), the champion's answers."""
    from sklearn import config_context

    with config_context(assume_finite=True, skip_parameter_validation=True):  # half of so small a tree's time
        return _grown(x, y, champion, problem, n_trees, seed)


def _grown(x: Floats, y: Answers, champion: Floats, problem: Problem, n_trees: int, seed: int) -> Correction:
    from sklearn.tree import DecisionTreeRegressor

    seen, raw = _seen(x), raw_score(problem, champion)
    grown: list[list[Any]] = [[] for _ in range(raw.shape[1])]
    random, n_sampled = np.random.default_rng(seed), min(len(y), max(FEWEST_SAMPLED, round(SAMPLED * len(y))))
    for _ in range(n_trees if len(y) >= 2 * LEAST_IN_LEAF else 0):
        rows = np.sort(random.choice(len(y), n_sampled, replace=False))
        gradient, curvature = _slope(problem, y[rows], raw[rows])
        for output, trees in enumerate(grown):
            # The mean of gradient over curvature, weighted by the curvature, is the leaf's Newton step.
            tree = DecisionTreeRegressor(
                max_leaf_nodes=LEAVES, min_samples_leaf=LEAST_IN_LEAF, max_features=FEATURES, random_state=seed
            )
            weight = curvature[:, output]
            tree.fit(seen[rows], gradient[:, output] / weight, sample_weight=weight, check_input=False)
            if problem != "regression":
                np.clip(tree.tree_.value, -LARGEST_STEP, LARGEST_STEP, out=tree.tree_.value)
            trees.append(tree)
        for output, trees in enumerate(grown):
            raw[:, output] += LEARNING_RATE * trees[-1].predict(seen, check_input=False)
    return Correction(problem, tuple(tuple(trees) for trees in grown), LEARNING_RATE)


def exported(champion: bytes, card: ModelCard, made: Correction) -> bytes:
    """The corrected champion as one ONNX file with that card: a model version like any other."""
    from tasks.exports.corrected import corrected

    return corrected(champion, card, made.trees, made.learning_rate, SURE)


def n_trees_of(card: ModelCard) -> int:
    """A tenth of the trees of the card's heaviest member."""
    heaviest = max(card.members, key=lambda each: each.weight)
    params = json.loads(heaviest.params)
    trees = params.get("max_iter") or params.get("n_estimators") or TREES
    return int(np.clip(SHARE_OF_TREES * float(trees), FEWEST_TREES, MOST_TREES))


def raw_score(problem: Problem, answers: Floats) -> Floats:
    """(n, outputs): the logit of the second class, the logarithm of each probability, or the value itself."""
    if problem == "regression":
        return np.array(answers, dtype=np.float64).reshape(-1, 1)
    sure = np.clip(answers, SURE, 1 - SURE)
    if problem == "binary":
        return np.log(sure[:, 1:] / (1 - sure[:, 1:]))
    return np.log(sure)


def answered(problem: Problem, raw: Floats) -> Floats:
    """The answers, as a model gives them, of raw scores."""
    if problem == "regression":
        return raw[:, 0]
    if problem == "binary":
        positive = 1 / (1 + np.exp(-raw))
        return np.hstack([1 - positive, positive])
    shares = np.exp(raw - raw.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def losses(problem: Problem, y: Answers, answers: Floats) -> Floats:
    """The loss of each row: its squared error, or minus the logarithm of what the true class was given."""
    if problem == "regression":
        return (y - answers) ** 2
    given = answers[np.arange(len(y)), y.astype(np.int64)]
    return -np.log(np.clip(given, SURE, 1.0))


def n_taught(n_rows: int, n_recent: int) -> int:
    """How many of the newest of so many rows teach a correction; `n_recent` came in the last `TAUGHT` windows."""
    return min(n_rows, max(FEWEST_TAUGHT, n_recent))


def _slope(problem: Problem, y: Answers, raw: Floats) -> tuple[Floats, Floats]:
    if problem == "regression":
        return y[:, None] - raw, np.ones_like(raw)
    shares = answered(problem, raw)
    if problem == "binary":
        shares, truth = shares[:, 1:], (y == 1)[:, None].astype(np.float64)
    else:
        truth = np.eye(shares.shape[1])[y.astype(np.int64)]
    return truth - shares, np.clip(shares * (1 - shares), SURE, None)


def _seen(x: Floats) -> npt.NDArray[np.float32]:
    """As the trees see it: to check and convert it at each of them costs more than to grow them."""
    return np.ascontiguousarray(np.clip(x, -LARGEST, LARGEST), dtype=np.float32)
