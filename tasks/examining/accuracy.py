"""Accurate: how many rows broke a rule or contradict another, and how much is missing; mostly counted already."""

from __future__ import annotations

from tasks.core import store
from tasks.core.appraisal import Criterion, Word
from tasks.core.figures import percent
from tasks.core.records import CheckedDataset, Splits
from tasks.examining import verdicts
from tasks.examining.words import counted

MOST_COMPARED = 500_000
"""Rows that are compared for equal inputs; of more, all rows of some of the hashes, so equal ones stay together."""


def accurate(checked: CheckedDataset, splits: Splits) -> Criterion:
    """The share of rows that are as they should be, and what is wrong with the others."""
    report = checked.report
    n_kept = checked.dataset.n_rows
    n_all = max(n_kept + report.n_quarantined, 1)
    broken = report.n_quarantined / n_all
    again, contradicting = (0.0, 0.0) if splits.target.problem == "regression" else contradictions(splits)
    counts = contradicting if again < verdicts.SELDOM else 0.0
    missing = _missing(checked, splits)
    cells = sum(missing.values()) / max(len(missing), 1)
    wrong = min(1.0, broken + counts * n_kept / n_all)
    facts = [
        f"{percent(1 - broken)} of {counted(n_all, 'row')} could be read and broke no rule"
        + (f"; {counted(report.n_quarantined, 'row')} went into quarantine." if report.n_quarantined else ".")
    ]
    if cells:
        most = max(sorted(missing), key=lambda name: missing[name])
        facts.append(f"{percent(cells)} of the values are missing, most of all in `{most}` ({percent(missing[most])}).")
    if contradicting:
        why = "" if counts else "; the columns are too few to tell rows apart, so that is no sign of an error"
        facts.append(f"{percent(contradicting)} of the rows have the inputs of another row and another answer{why}.")
    if n_repeated := sum(note.n_rows for note in splits.notes if note.kind == "duplicates"):
        facts.append(f"{counted(n_repeated, 'row')} repeated others ({percent(n_repeated / max(n_kept, 1))}).")
    words = verdicts.falling(wrong, verdicts.BROKEN), verdicts.falling(cells, verdicts.MISSING)
    return Criterion(
        name="accurate",
        value=1 - wrong,
        word=verdicts.worst(*words),
        headline=f"{percent(1 - wrong)} of rows in order, {percent(cells)} of values missing",
        facts=tuple(facts),
        action=_action(checked, splits, words, missing, broken >= counts),
    )


def _missing(checked: CheckedDataset, splits: Splits) -> dict[str, float]:
    """For each raw column that the features need the share that is missing."""
    needed = {each.name for each in splits.inputs}
    n_rows = max(checked.dataset.n_rows, 1)
    return {each.name: each.n_missing / n_rows for each in checked.dataset.columns if each.name in needed}


def contradictions(splits: Splits) -> tuple[float, float]:
    """The share of rows whose inputs come again, and of those with another answer in a rarer case than the commonest.

    No model can get both rows of such a pair right.
    """
    import polars as pl

    parts = (splits.train, splits.validation, splits.test)
    step = max(1, sum(part.n_rows for part in parts) // MOST_COMPARED)
    rows = pl.concat(
        store.scan(part).filter(pl.col("__row__") % step == 0).select("__row__", answer=splits.target.name)
        for part in parts
    )
    pairs = rows.group_by("__row__", "answer").len().group_by("__row__")
    each = pairs.agg(pl.col("len").sum().alias("n"), pl.col("len").max().alias("most"))
    again = pl.col("n").filter(pl.col("n") > 1).sum()
    found = each.select(pl.col("n").sum(), again.alias("again"), (pl.col("n") - pl.col("most")).sum().alias("less"))
    n_rows, n_again, n_less = found.collect(engine="streaming").row(0)
    return n_again / max(n_rows, 1), n_less / max(n_rows, 1)


def _action(
    checked: CheckedDataset, splits: Splits, words: tuple[Word, Word], missing: dict[str, float], rules: bool
) -> str:
    if words[0] != "good" and words[0] == verdicts.worst(*words):
        failed = [each for each in checked.report.failed if each.severity == "reject"]
        if rules and failed:
            first = max(failed, key=lambda each: each.n_rows)
            reason = first.reason or first.expectation
            return f"Mend the source, or the rule: {counted(first.n_rows, 'row')} broke “{reason}”."
        return (
            f"Look at the rows with equal inputs and different `{splits.target.name}`: correct them, "
            "or add the column that tells them apart."
        )
    if words[1] != "good":
        worst = max(sorted(missing), key=lambda name: missing[name])
        share = percent(missing[worst])
        return f"Find out why {share} of `{worst}` are missing, and whether they will be when the model is asked."
    return ""
