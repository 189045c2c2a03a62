"""examine: what looks wrong in the rows and in their answers, told with rows and what to do; nothing is changed."""

from __future__ import annotations

from tasks.core.noise import LabelAudit, Noise
from tasks.core.records import Blob, CheckedDataset, CheckedSplits
from tasks.core.step import step


@step
def examine(checked: CheckedDataset, splits: CheckedSplits) -> Noise:
    """Impossible values, outliers, units that changed, and rows whose answers contradict each other."""
    from tasks.examining.conflicts import conflicts
    from tasks.examining.noise import oddities

    found, rows, n_sampled = oddities(checked.dataset)
    contradicting, groups = conflicts(splits.splits)
    return Noise(
        n_rows=checked.dataset.n_rows,
        n_sampled=n_sampled,
        oddities=found,
        conflicts=contradicting,
        rows=rows,
        groups=groups,
    )


@step
def audit_labels(checked: CheckedDataset, splits: CheckedSplits, answers: Blob | None) -> LabelAudit:
    """The answers in the data that the tuned models, asked about rows they had not seen, contradict."""
    from tasks.examining.labels import audit

    return audit(checked.dataset, splits.splits, answers)
