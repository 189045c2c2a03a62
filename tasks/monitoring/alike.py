"""Out-of-fold answers, made like those of the model itself to rows that it has not seen either."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def alike(answers: Floats, unseen: Floats) -> Floats:
    """`answers` in their order, with the values of `unseen`, those of the model itself.

    Both are (n, classes) probabilities, or (n, 1) values. The models of the folds learnt from fewer rows: with boosting
    and forests the model is surer than they are, and has other leaves, so that each day of its answers would be told as
    drift. A rank stays what it was, and becomes the value that has this rank among `unseen`.
    """
    if answers.shape[1] == 2:
        positive = _mapped(answers[:, 1], unseen[:, 1])
        return np.column_stack([1 - positive, positive])
    found = np.column_stack([_mapped(ours, theirs) for ours, theirs in zip(answers.T, unseen.T, strict=True)])
    return found if found.shape[1] == 1 else found / np.clip(found.sum(axis=1, keepdims=True), 1e-12, None)


def _mapped(values: Floats, unseen: Floats) -> Floats:
    """By the mean rank of equal values, so that they stay equal."""
    from scipy.stats import rankdata

    return np.quantile(unseen, (rankdata(values) - 0.5) / len(values), method="inverted_cdf")
