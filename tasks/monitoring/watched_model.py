"""A champion with all that its live rows are compared with, and what one window of them says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from tasks.core import store
from tasks.core.errors import Unavailable
from tasks.core.predictions import media
from tasks.core.predictions.layout import folder_of
from tasks.core.records import Dataset
from tasks.monitoring import kept, watch
from tasks.monitoring.checking import promise
from tasks.monitoring.daily import Daily, daily
from tasks.monitoring.estimation import Answered
from tasks.monitoring.incident_timing_facts import FEWEST_DAYS, Timing
from tasks.monitoring.incidents import Facts, Incident, find_incidents
from tasks.monitoring.judging import Report, judge
from tasks.monitoring.logged_windows import CORRECTED
from tasks.monitoring.profile import from_bytes
from tasks.monitoring.reference import Reference
from tasks.monitoring.section import Monitor
from tasks.monitoring.views import ViewPlan
from tasks.scoring.scorer import Scorer
from tasks.serving.logged import treatments
from tasks.serving.section import Log

if TYPE_CHECKING:
    import polars as pl

    from tasks.core.model_records import Champion

ROWS = 16_384
"""Rows whose views are made at a time."""
MOST_ESTIMATED = 5_000
"""Of the reference and of the window that an estimate rests on, evenly out of all."""


@dataclass(frozen=True)
class WatchedModel:
    """A model, open, with its reference."""

    scorer: Scorer
    reference: Reference
    facts: Facts
    views: Dataset
    plan: ViewPlan
    log: Log
    false_alarms: float
    promise: str

    @classmethod
    def open(cls, project: str, champion: Champion, section: Monitor, log: Log) -> WatchedModel:
        """The champion as it serves in this home; Unavailable when it has no reference."""
        digest = champion.artifact.digest
        profile = kept.known(digest)
        scorer = Scorer.open(store.path(champion.artifact), digest)
        reference = from_bytes(store.path(profile.profile).read_bytes())
        folder = folder_of(store.home(), project)
        plan = watch.plan(scorer.card, treatments(scorer.card, log), None, lambda digest: media.load(folder, digest))
        if lost := set(reference.cells.names) - {column.name for column in plan.columns}:
            raise Unavailable(
                f"The log of {project} cannot be compared with the reference of its model",
                expected=f"{min(lost)!r} in the log, as when the model was trained",
                found="`serve: {log: …}` of project.yaml, which hashes or drops other columns now",
                action="Run `keepfit train` again: it makes a new reference, and trains nothing anew for it",
            )
        return cls(
            scorer=scorer,
            reference=reference,
            facts=Facts.model_validate_json(store.path(profile.facts).read_bytes()),
            views=profile.views,
            plan=watch.only(plan, reference.cells.names),
            log=log,
            false_alarms=section.false_alarms,
            promise=profile.promise
            if profile.false_alarms == section.false_alarms
            else promise(reference, section.false_alarms),
        )

    def incidents(
        self,
        rows: pl.DataFrame,
        since: datetime | None = None,
        until: datetime | None = None,
        timing: Timing | None = None,
        feed: pl.DataFrame | None = None,
    ) -> tuple[Incident, ...]:
        """What broke in the rows, some of those whose moments are `feed`.

        `timing` is that of earlier rows: the training rows do not say how many are asked a day.
        """
        facts = self.facts.model_copy(update={"timing": timing if timing and timing.n_days >= FEWEST_DAYS else None})
        claims = watch.claims(self.scorer.card, treatments(self.scorer.card, self.log))
        time = "__time__" if facts.timing else None
        return find_incidents(rows, facts, claims, time=time, since=since, until=until, feed=feed)

    def measured(self, frames: Iterable[pl.DataFrame], day: date | None) -> Daily:
        """The statistics of the rows' views, which are made some at a time: those of images take decoding."""
        slices = (some for rows in frames for some in rows.iter_slices(ROWS))
        parts = (part for some in slices for part in self.plan.of(self.comparable(some)).to_arrow().to_batches())
        return daily(self.reference.cells, parts, day)

    def own(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with the model's own answers where a correction answered.

        As they are where the log does not hold all that it was asked.
        """
        corrected = CORRECTED in rows.columns and rows[CORRECTED].any()
        return self._answered(self.scorer, rows) if corrected else rows

    def comparable(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with answers that are like those which the reference knows: of the proxy, where there is one.

        No row tells how the model itself answers what it has not seen, where rows are split by time: it knows all of
        them. Its leaves hold other values than those of its proxy do, and each row beside these would be drift.
        """
        return self.own(rows) if self._proxy is None else self._answered(self._proxy, rows)

    @cached_property
    def _proxy(self) -> Scorer | None:
        proxy = self.scorer.card.proxy
        if proxy is None or not store.path(proxy).exists():
            return None
        return Scorer.open(store.path(proxy), proxy.digest)

    def _answered(self, scorer: Scorer, rows: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        card = scorer.card
        if not rows.height or watch.lost(card, treatments(card, self.log)):
            return rows
        said = scorer.predict(rows, missing_ok=True)
        outputs = said.select(pl.concat_list(pl.exclude("prediction") if card.target.classes else "prediction"))
        return rows.with_columns(said["prediction"].alias("__prediction__"), outputs.to_series().alias("__outputs__"))

    @cached_property
    def held_out(self) -> Answered:
        """Rows of the reference, evenly out of all, answered by models that had not seen them."""
        import numpy as np
        import polars as pl

        target = self.scorer.card.target
        every = -(-self.views.n_rows // MOST_ESTIMATED)
        rows = store.scan(self.views).gather_every(every).filter(pl.col(kept.GIVEN).is_finite()).collect()
        if target.problem == "binary":
            positive = rows[f"probability · {target.classes[1]}"].to_numpy()
            predicted = np.column_stack([1 - positive, positive])
        elif target.classes:
            predicted = rows.select(f"probability · {name}" for name in target.classes).to_numpy()
        else:
            predicted = rows["prediction"].to_numpy()
        given = rows[kept.GIVEN].to_numpy()
        return Answered(predicted, self.inputs(rows), given.astype(np.intp) if target.classes else given)

    def inputs(self, views: pl.DataFrame) -> pl.DataFrame:
        """The views of what the model was asked: what it answered is estimated by itself."""
        return views.select(column.name for column in self.plan.columns if column.part != "output")

    def judged(self, history: Sequence[Daily]) -> Report:
        """What the last window of the history says."""
        return judge(self.reference, history, self.false_alarms, words=self.promise)
