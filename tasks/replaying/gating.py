"""The gate in the replay: a challenger of a date against the champion of that date, on rows whose outcome was known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tasks.replaying.fits import Fits
from tasks.retraining import correction
from tasks.retraining.correction import Floats
from tasks.retraining.gate import Judged, not_worse


def gate(fits: Fits, number: int, champion: int) -> tuple[Judged, float]:
    """What decides on the model of window `number` where one of the first `champion` rows serves, and its seconds.

    A proxy without the newest labelled window is judged on that window, which neither knows. A week is few days: one
    that is broken may have luck in it. So the model of record is judged, too, on every row that is new to the champion.
    """
    windows, n_labelled = fits.history.windows, fits.history.windows[number].n_labelled
    # After a pause the newest window with outcomes.
    known = max((each.n_labelled for each in windows[:number] if each.n_labelled < n_labelled), default=n_labelled)
    newest, new = slice(known, n_labelled), slice(champion, n_labelled)
    proxy = _compared(fits, newest, fits.answers(champion, newest), fits.proxy(n_labelled, known, newest))
    cost = fits.seconds(known)
    if not proxy.held or new.start >= new.stop:
        return proxy, cost
    record = _compared(fits, new, fits.answers(champion, new), fits.answers(n_labelled, new))
    return proxy if record.held else record.model_copy(update={"knows": True}), cost


def _compared(fits: Fits, rows: slice, champion: Floats, challenger: Floats) -> Judged:
    problem, y = fits.history.seen.target.problem, fits.history.answers(rows)
    theirs, ours = (correction.losses(problem, y, answers) for answers in (champion, challenger))
    return not_worse(theirs, ours, _days(fits, rows))


def _days(fits: Fits, rows: slice) -> npt.NDArray[np.datetime64]:
    return fits.history.moments[rows].astype("datetime64[D]")
