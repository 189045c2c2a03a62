"""How well a model probably does on rows whose outcomes are not known yet, and when nobody can know.

Classes: the calibrated confidence says how often an answer is right (CBPE); under a shift of the inputs the held-out
rows are weighted towards those of the window first (Białek et al., arXiv 2401.08348). Values: a held-out row with as
large an expected error lends its error. Outcomes are drawn so, again and again, and each draw is measured as real
outcomes are; the interval holds the draw of the outcomes, and what is not known of the calibration.

All of it assumes that the same inputs still mean the same. Only labels can tell otherwise, and then they overrule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl

from tasks.core import metrics
from tasks.core.records import Record
from tasks.core.weighted import Array, Rows
from tasks.monitoring.estimation_errors import Errors
from tasks.monitoring.estimation_weights import Shift, shift

DRAWS, A_CALIBRATION = 200, 5
FEWEST = 100
"""Held-out rows: with fewer, confidence is not calibrated but guessed."""
LEAST_EFFECTIVE = 0.2
"""The effective share of the held-out rows once they are weighted; with less, a few rows would speak for all."""
MOST_BEYOND = 0.01
"""The share of the rows with values that no held-out row is near."""
NEAR = 20
"""Held-out rows on either side, by the expected error, of which one lends its error."""
STRONG, LATEST, MISSED = 3.5, 3, 2
"""Standard errors by which one labelled window overrules; or how many of the latest few missed their interval."""
Method = Literal["confidence", "weighted confidence", "errors", "weighted errors"]
Draw = Callable[[np.random.Generator], Rows]


class Estimate(Record):
    """A metric as it is estimated, with its 95 % interval; `reason` says why it is not `valid`, or what it assumes."""

    metric: str
    value: float
    low: float
    high: float
    n_rows: int
    method: Method
    valid: bool
    reason: str


class Checked(Record):
    """What was estimated of rows whose outcomes are known by now, and what came true."""

    metric: str
    n_rows: int
    estimated: float
    low: float
    high: float
    real: float

    @property
    def held(self) -> bool:
        """Whether the interval held what came true."""
        return self.low <= self.real <= self.high

    @property
    def deviation(self) -> float:
        """How far off it was, in standard errors."""
        return abs(self.real - self.estimated) / max((self.high - self.low) / 3.92, 1e-12)


@dataclass(frozen=True)
class Answered:
    """Rows that a model answered: `predicted` is (n, k) probabilities or (n,) values, `y` codes or values, if known."""

    predicted: Rows
    views: pl.DataFrame | None = None
    y: Rows | None = None
    _errors: dict[int, Errors] = field(default_factory=dict[int, Errors], compare=False, repr=False)

    def errors(self, seed: int) -> Errors:
        """How large an error is to be expected of answers with values, learnt from these and their outcomes once."""
        if seed not in self._errors:
            self._errors[seed] = Errors.learnt(self.predicted, np.asarray(self.y), self.views, seed)
        return self._errors[seed]


def estimate(
    metric: str,
    window: Answered,
    held_out: Answered,
    threshold: float = 0.5,
    past: Sequence[Checked] = (),
    seed: int = 0,
) -> Estimate:
    """The metric on the window's rows, whose outcomes are not used.

    `held_out` are rows that the model was not fitted on, with their outcomes (`Evaluation.predictions`); with the views
    of both (`views.py`) a shift of the inputs is allowed for. `past` are earlier estimates that labels have checked.
    """
    moved = shift(held_out.views, window.views, seed)
    weigh = moved is not None and moved.is_seen and moved.effective >= LEAST_EFFECTIVE
    weights = moved.weights if moved is not None and weigh else np.ones(len(held_out.predicted))
    classes = held_out.predicted.ndim == 2
    draw = (_drawn_classes if classes else _drawn_values)(held_out, window, weights, seed)
    generator = np.random.default_rng(seed)
    drawn = [metrics.value(metric, draw(generator), window.predicted, threshold) for _ in range(DRAWS)]
    values = np.array(drawn)[np.isfinite(drawn)]
    low, value, high = np.quantile(values, (0.025, 0.5, 0.975)) if len(values) else (np.nan,) * 3
    reason = _unknown(metric, held_out, moved, past, len(values))
    method: Method = ("weighted " if weigh else "") + ("confidence" if classes else "errors")  # type: ignore[assignment]
    return Estimate(
        metric=metric,
        value=float(value),
        low=float(low),
        high=float(high),
        n_rows=len(window.predicted),
        method=method,
        valid=not reason,
        reason=reason or _assumed(past),
    )


def check(metric: str, rows: Answered, held_out: Answered, threshold: float = 0.5, seed: int = 0) -> Checked:
    """The estimate of rows whose outcomes have come, beside what came true."""
    found = estimate(metric, rows, held_out, threshold, seed=seed)
    real = metrics.value(metric, np.asarray(rows.y), rows.predicted, threshold)
    return Checked(
        metric=metric, n_rows=len(rows.predicted), estimated=found.value, low=found.low, high=found.high, real=real
    )


def _drawn_classes(held_out: Answered, window: Answered, weights: Array, seed: int) -> Draw:
    """Outcomes drawn from the calibrated probabilities; each time calibrated on other held-out rows (bootstrap)."""
    from sklearn.isotonic import IsotonicRegression

    known, asked, y = held_out.predicted, window.predicted, held_out.y
    columns = range(1, 2) if known.shape[1] == 2 else range(known.shape[1])

    found = np.empty((len(asked), len(columns)))
    n_drawn = 0

    def draw(generator: np.random.Generator) -> Rows:
        nonlocal n_drawn
        n_drawn += 1
        rows = generator.integers(0, len(known), len(known)) if n_drawn % A_CALIBRATION == 1 else None
        for place, code in enumerate(columns if rows is not None else ()):
            calibrate = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
            # At both ends a few equal outcomes are no certainty: one more of the other kind (rule of succession).
            said = np.r_[known[rows, code], known[:, code].min(), known[:, code].max()]
            calibrate.fit(said, np.r_[y[rows] == code, True, False], np.r_[weights[rows], 1.0, 1.0])  # type: ignore[index]
            found[:, place] = calibrate.predict(asked[:, code])
        if len(columns) == 1:
            return (generator.random(len(asked)) < found[:, 0]).astype(np.intp)
        shares = np.cumsum(found + 1e-9, axis=1)
        return (generator.random((len(asked), 1)) * shares[:, -1:] > shares).sum(axis=1)

    return draw


def _drawn_values(held_out: Answered, window: Answered, weights: Array, seed: int) -> Draw:
    """Outcomes drawn as the prediction less the error of a held-out row of which as large an error was expected."""
    errors = held_out.errors(seed)
    ours, theirs = errors.own, errors.expected(window.predicted, window.views)
    order = np.argsort(ours, kind="stable")
    error, expected = (np.asarray(held_out.y, np.float64) - held_out.predicted)[order], ours[order]
    until = np.cumsum(weights[order] / weights.sum())
    until /= until[-1]
    # A row that is drawn by a number in [0, 1) expects less than another one where the number is below this.
    less = np.concatenate([[0.0], until])[np.searchsorted(expected, theirs)]

    def draw(generator: np.random.Generator) -> Rows:
        # As `generator.choice` draws rows by their weights; but sorted numbers are found ten times faster.
        drawn = np.sort(generator.random(len(error)))
        beside = generator.integers(-NEAR, NEAR + 1, len(theirs))
        place = (np.searchsorted(drawn, less) + beside).clip(0, len(drawn) - 1)
        return window.predicted + error[np.searchsorted(until, drawn[place], side="right")]

    return draw


def _unknown(metric: str, held_out: Answered, moved: Shift | None, past: Sequence[Checked], n_values: int) -> str:
    """Why nobody can know; empty where the estimate stands."""
    if len(held_out.predicted) < FEWEST:
        return f"it cannot be known: {len(held_out.predicted)} held-out rows are too few to calibrate on, of {FEWEST}"
    if n_values < DRAWS / 2:
        return f"it cannot be known: {metric} has no value on such rows"
    latest = [each for each in past if each.metric == metric][-LATEST:]
    missed = [each for each in latest if not each.held]
    if latest and ((latest[-1].deviation > STRONG and not latest[-1].held) or len(missed) >= MISSED):
        worst = max(missed, key=lambda each: each.deviation)
        return (
            f"the labels overrule it: {metric} was {worst.real:.3g} on {worst.n_rows:,} rows whose outcomes came, "
            f"where {worst.estimated:.3g} ({worst.low:.3g} to {worst.high:.3g}) was estimated: the same inputs mean "
            "something else now"
        )
    if moved is not None and moved.beyond > MOST_BEYOND:
        return (
            f"it cannot be known: {moved.beyond:.1%} of the rows have values that no held-out row has, in {moved.where}"
        )
    if moved is not None and moved.is_seen and moved.effective < LEAST_EFFECTIVE:
        return (
            f"it cannot be known: the inputs have moved so far that {moved.effective:.0%} of the held-out rows would "
            f"speak for all, of at least {LEAST_EFFECTIVE:.0%}"
        )
    return ""


def _assumed(past: Sequence[Checked]) -> str:
    borne = f"labels have borne out {sum(each.held for each in past)} of {len(past)} estimates"
    return f"assumes that the same inputs still mean the same; {borne if past else 'no labels have checked it yet'}"
