"""The gates that a model may have to hold, each with the sentence that says so; a project says which are on."""

from __future__ import annotations

from tasks.core.figures import figure
from tasks.core.model_records import Comparison, Evaluation, Verification
from tasks.core.records import Record


class Gate(Record):
    """One condition, whether it held, and the sentence that says so with its figures."""

    held: bool
    sentence: str


def parity(verification: Verification, allowed: float) -> Gate:
    """That the exported model answers as the fitted one, but for the difference that is allowed."""
    return Gate(
        held=verification.largest_difference <= allowed,
        sentence=f"The exported model, started in a fresh process, differs from the fitted one by at most "
        f"{verification.largest_difference:.1e} on {verification.n_rows:,} rows, missing, "
        f"unseen and extreme values among them "
        f"(allowed: {allowed:.0e})",
    )


def better(comparison: Comparison, whom: str) -> Gate:
    """That the model is proven better."""
    held = comparison.low > 0
    return Gate(held=held, sentence=f"{'Better' if held else 'Not proven better'} than {whom}: {_figures(comparison)}")


def not_worse(comparison: Comparison, quantile: float) -> Gate:
    """That the model is not proven worse than the champion, at the level of this normal `quantile`."""
    held = _holds(comparison, quantile)
    word = "Better than" if comparison.low > 0 else "Not worse than" if held else "Worse than"
    return Gate(held=held, sentence=f"{word} the champion ({comparison.against}): {_figures(comparison)}")


def not_broken(comparison: Comparison, quantile: float) -> Gate:
    """The same of the model of record, which knows the rows: what was judged before was a proxy without them."""
    held = _holds(comparison, quantile)
    told = "Fitted on the newest rows too, it is" if held else "Broken: although fitted on the newest rows too, it is"
    word = "not worse than" if held else "worse than"
    return Gate(
        held=held,
        sentence=f"{told} {word} the champion on those that are new to the champion: {_figures(comparison)}",
    )


def minimum(evaluation: Evaluation, name: str, bound: float) -> Gate:
    """That the metric is as good as it must be at least."""
    metric = evaluation.metric_named(name)
    held = metric.value >= bound if metric.greater_is_better else metric.value <= bound
    at = "at least" if metric.greater_is_better else "at most"
    return Gate(held=held, sentence=f"{name} is {figure(metric.value)}, {'as' if held else 'not'} {at} {bound:g}")


def _holds(comparison: Comparison, quantile: float) -> bool:
    standard_error = (comparison.high - comparison.low) / (2 * 1.96)
    return comparison.gain >= -_students(quantile, comparison.n_blocks) * standard_error


def _students(z: float, n_blocks: int) -> float:
    """How many standard errors a model may be worse: Student's quantile for `z` where whole blocks of time were drawn.

    By the first two terms of its expansion in the normal quantile (Abramowitz and Stegun, 26.7.5).
    """
    n = n_blocks - 1
    return z if n < 1 else z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)


def _figures(comparison: Comparison) -> str:
    return (
        f"{comparison.metric} {figure(comparison.ours)} against {figure(comparison.theirs)}, "
        f"a gain of {figure(comparison.gain)} ({figure(comparison.low)} to {figure(comparison.high)}) "
        f"on {comparison.n_rows:,} rows" + (f" in {comparison.n_blocks} blocks of time" if comparison.n_blocks else "")
    )
