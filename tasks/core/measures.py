"""What is known of each metric: its name for people, which way is better, and when it has no value."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.core import weighted
from tasks.core.records import Problem


@dataclass(frozen=True)
class Measure:
    """What is known of a metric. `chance` is what a model that knows nothing reaches: it stands in for no value."""

    title: str
    prepare: weighted.Prepare
    greater_is_better: bool
    needs_probabilities: bool
    problems: tuple[Problem, ...]
    chance: float
    bounds: tuple[float, float]
    """The lowest and highest value there can be; an approximate interval must not tell of more."""
    undefined: str = ""
    """When the metric has no value."""


_CLASSES: tuple[Problem, ...] = ("binary", "multiclass")
_VALUES: tuple[Problem, ...] = ("regression",)
_SHARE, _LOSS = (0.0, 1.0), (0.0, float("inf"))
_ONE_CLASS = "the rows are all of one class, or a class is missing"

METRICS: dict[str, Measure] = {
    "log_loss": Measure("Log loss", weighted.log_loss, False, True, _CLASSES, 0.0, _LOSS),
    "roc_auc": Measure(
        "ROC AUC", weighted.one_against_rest(weighted.roc_auc), True, True, _CLASSES, 0.5, _SHARE, _ONE_CLASS
    ),
    "accuracy": Measure("Accuracy", weighted.accuracy, True, False, _CLASSES, 0.0, _SHARE),
    "f1": Measure("F1", weighted.per_class(weighted.f1), True, False, _CLASSES, 0.0, _SHARE),
    "precision": Measure("Precision", weighted.per_class(weighted.precision), True, False, _CLASSES, 0.0, _SHARE),
    "recall": Measure("Recall", weighted.per_class(weighted.recall), True, False, _CLASSES, 0.0, _SHARE),
    "balanced_accuracy": Measure(
        "Balanced accuracy", weighted.per_class(weighted.balanced_accuracy), True, False, _CLASSES, 0.0, _SHARE
    ),
    "average_precision": Measure(
        "Average precision",
        weighted.one_against_rest(weighted.average_precision),
        True,
        True,
        _CLASSES,
        0.0,
        _SHARE,
        _ONE_CLASS,
    ),
    "brier": Measure("Brier score", weighted.brier, False, True, _CLASSES, 0.0, (0.0, 2.0)),
    "rmse": Measure("RMSE", weighted.root(weighted.mse), False, False, _VALUES, 0.0, _LOSS),
    "r2": Measure(
        "R²", weighted.r2, True, False, _VALUES, 0.0, (-float("inf"), 1.0), "the target is the same in every row"
    ),
    "mae": Measure("MAE", weighted.mae, False, False, _VALUES, 0.0, _LOSS),
    "median_absolute_error": Measure(
        "Median absolute error", weighted.median_absolute_error, False, False, _VALUES, 0.0, _LOSS
    ),
    "mse": Measure("MSE", weighted.mse, False, False, _VALUES, 0.0, _LOSS),
    "mape": Measure("MAPE", weighted.mape, False, False, _VALUES, 0.0, _LOSS, "a target is zero"),
}
"""All metrics by name, in the order in which a reader wants to see them."""
