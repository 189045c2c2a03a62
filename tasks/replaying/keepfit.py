"""keepfit's own policy in the replay: measured gain, verdict and gate, as they are when a project is live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from time import thread_time

from tasks.core.age_curve import AgeCurve
from tasks.monitoring.window_report import WindowReport
from tasks.replaying.fits import Fits
from tasks.replaying.walk import Trained, Wish
from tasks.replaying.watched import Watch
from tasks.retraining import correction, gain
from tasks.retraining.acceptance import AgainstChampion
from tasks.retraining.correction import Correction
from tasks.retraining.policy import Retrain
from tasks.retraining.verdict import Gain, Situation, Training, Verdict
from tasks.retraining.worth import worth

Decide = Callable[[Sequence[WindowReport], Sequence[Gain], Situation, Retrain, datetime], Verdict]
DAYS = 14
"""Of the champion, the newest ones, that a verdict looks at: drift that began before lasts at least as long."""


class Keepfit:
    """The project's policy. `corrects` overrules what it says of serving a correction; `gate` is what one must hold."""

    gated = True

    def __init__(
        self,
        fits: Fits,
        retrain: Retrain,
        decide: Decide,
        curve: AgeCurve | None,
        watch: Watch | None = None,
        *,
        name: str = "keepfit",
        title: str = "keepfit",
        corrects: bool | None = None,
        gate: AgainstChampion = "not_worse",
        seconds: float = 0.0,
    ) -> None:
        self.name, self.title, self.seconds = name, title, seconds
        self._fits, self._retrain, self._decide, self._curve, self._watch = fits, retrain, decide, curve, watch
        self._corrects = retrain.correct if corrects is None else corrects
        self._gate: AgainstChampion = gate
        self._since = fits.history.windows[0].start
        self._gains: list[Gain] = []
        self._of_champion: list[Gain] = []
        self._trainings: list[Training] = []
        self._made: tuple[int, Correction] | None = None
        self._said = ""

    def wish(self, number: int, champion: int) -> Wish | None:
        self._measure(number, champion)
        now = self._fits.history.windows[number].start
        days = self._watch.days(champion, number, self._since, DAYS) if self._watch else ()
        verdict = self._decide(days, self._of_champion, self._situation(number, champion), self._retrain, now)
        self._said = verdict.sentence
        if verdict.action != "retrain":
            return None
        return Wish(verdict.cause or "age", verdict.sentence, evidence=verdict.cause != "age")

    def trained(self, what: Trained) -> None:
        result = "promoted" if what.promoted else "refused"
        self._trainings.append(Training(at=what.at, cause=what.cause, seconds=what.seconds, result=result))
        if what.promoted:
            self._since, self._of_champion, self._made = what.at, [], None

    def correction(self, number: int, champion: int) -> Correction | None:
        """Fitted for every window, whether it serves or not: the next one's gain is measured by it."""
        made, cost = self._fits.correction(champion, number)
        self._made, self.seconds = (champion, made), self.seconds + cost
        return made if self._corrects and worth(self._gains, self._gate).serves else None

    def said(self) -> str:
        return self._said

    def _measure(self, number: int, champion: int) -> None:
        """The gain on the newest labelled window: neither the champion nor the correction has seen it.

        Of few rows none is measured, as live.
        """
        windows, history = self._fits.history.windows, self._fits.history
        rows = slice(windows[number - 1].n_labelled, windows[number].n_labelled)
        if rows.stop - rows.start < gain.FEWEST_JUDGED or self._made is None:
            return
        started = thread_time()
        y, problem = history.answers(rows), history.seen.target.problem
        ours = self._fits.answers(champion, rows)
        theirs = self._made[1].answers(self._fits.matrix(champion, rows), ours)
        spent = thread_time() - started
        found = gain.gain_of(
            correction.losses(problem, y, ours),
            correction.losses(problem, y, theirs),
            history.at(rows.start),
            windows[number].start,
            self._fits.scorer(champion).digest,
            spent,
        )
        self.seconds += spent
        self._gains.append(found)
        self._of_champion.append(found)

    def _situation(self, number: int, champion: int) -> Situation:
        return Situation(
            champion_since=self._since,
            fitted_until=self._fits.history.at(champion - 1),
            n_labelled=self._fits.history.windows[number].n_labelled - champion,
            trainings=tuple(self._trainings),
            cadence=self._curve.cadence if self._curve else None,
        )
