"""Answers of fitted models with a column for each class, also for those that the rows had none of."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasks.learning.development import Array, Development


def certain(y: Array, n_rows: int, data: Development) -> Array | None:
    """What is answered to so many rows where those to learn from, with the target `y`, have a single class.

    Of a rare class some rows may have none, and most learners refuse a single class. None where there are several.
    """
    if data.problem == "regression" or len(np.unique(y)) > 1:
        return None
    answers = np.zeros((n_rows, data.n_outputs))
    answers[:, int(y[0])] = 1.0
    return answers


def all_classes(model: Any, answers: Array, data: Development) -> Array:
    """The model's answers with the columns that it does not know filled with zeros."""
    if data.problem == "regression" or answers.shape[1] == data.n_outputs:
        return answers
    full = np.zeros((len(answers), data.n_outputs))
    full[:, model.classes_.astype(int)] = answers
    return full
