"""The inputs' drift in the replay: each day of a champion's life, judged by the same code as the prediction log is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from tasks.monitoring import watch
from tasks.monitoring.cells import Kind
from tasks.monitoring.daily import Daily, daily
from tasks.monitoring.judging import judge
from tasks.monitoring.performance import Performance as Labelled
from tasks.monitoring.reference import Reference
from tasks.monitoring.views import ViewPlan
from tasks.monitoring.window_report import Performance, WindowReport, drifted, empty
from tasks.replaying.fits import Fits
from tasks.replaying.history import Window, rows_until

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

TIME = "__time__"
DAY = timedelta(days=1)
REMEMBERED = 90
"""Days of a champion that the next one is judged beside: more change nothing, and cost."""


@dataclass
class _Watched:
    """A champion with its reference, the statistics of its days, and what each of them said."""

    plan: ViewPlan
    reference: Reference
    days: list[Daily] = field(default_factory=list["Daily"])
    reports: dict[date, WindowReport] = field(default_factory=dict[date, "WindowReport"])


class Watch:
    """The judged days of champions, for the policies to share."""

    def __init__(self, fits: Fits, false_alarms: float) -> None:
        self._fits, self._false_alarms = fits, false_alarms
        self._lock = Lock()  # the policies run side by side
        self._known: dict[tuple[int, datetime], _Watched] = {}

    def days(self, champion: int, number: int, since: datetime, last: int) -> Sequence[WindowReport]:
        """The reports on the `last` whole days before window `number`, of a champion that serves since then."""
        with self._lock:
            return self._days(champion, number, since, last)

    def _days(self, champion: int, number: int, since: datetime, last: int) -> list[WindowReport]:
        window, watched = self._fits.history.windows[number], self._watched(champion, since)
        begin = datetime.combine(since.date(), time(), UTC)
        n_days = (window.start - begin) // DAY
        for place in range(len(watched.days), n_days):
            day = begin + place * DAY
            rows = rows_until(self._fits.history, day, day + DAY)
            views = self._views(watched.plan, rows)
            watched.days.append(daily(watched.reference.cells, views.to_batches(), day.date()))
        found: list[WindowReport] = []
        for place in range(max(0, n_days - last), n_days):
            day = (begin + place * DAY).date()
            if day not in watched.reports:
                history = watched.days[max(0, place + 1 - REMEMBERED) : place + 1]
                judged = judge(watched.reference, history, self._false_alarms, words="")
                told = empty(day.isoformat(), judged.n_rows)
                watched.reports[day] = drifted(told, judged) if judged.n_rows else told
            found.append(self._as_of(window, watched.reports[day], day))
        return found

    def _watched(self, champion: int, since: datetime) -> _Watched:
        if (champion, since) not in self._known:
            card = self._fits.scorer(champion).card
            plan = watch.plan(card, {}, self._fits.history.seen.time)
            # What it answers to the rows that it learnt from says nothing of what it will answer to others.
            plan = replace(plan, columns=tuple(each for each in plan.columns if each.part != "output"))
            views = self._views(plan, slice(0, champion))
            kinds: dict[str, Kind] = {column.name: column.kind for column in plan.columns}
            self._known[champion, since] = _Watched(plan, Reference.build(views.to_batches, kinds, TIME))
        return self._known[champion, since]

    def _views(self, plan: ViewPlan, rows: slice) -> pa.Table:
        import polars as pl

        history = self._fits.history
        raw: pl.DataFrame = history.rows[rows].with_columns(pl.Series(TIME, history.moments[rows]))
        return plan.of(raw).with_columns(raw[TIME]).to_arrow()

    def _as_of(self, window: Window, report: WindowReport, day: date) -> WindowReport:
        """As the monitor reports it; outcomes are told by how many had come when the window began."""
        start = datetime.combine(day, time(), UTC)
        rows = rows_until(self._fits.history, start, start + DAY)
        n_labelled = int(np.clip(window.n_labelled - rows.start, 0, report.n_rows))
        share = n_labelled / max(report.n_rows, 1)
        labelled = Labelled(n_rows=report.n_rows, n_labelled=n_labelled, coverage=share, delay=None, metrics=())
        return report.model_copy(update={"performance": Performance(labelled=labelled)})
