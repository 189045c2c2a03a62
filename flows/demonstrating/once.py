"""One turn of the loop: trained, served, asked, drifted, judged, trained anew, and what came of that."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flows.demonstrating import looks
from flows.demonstrating.caller import Caller
from flows.demonstrating.plan import Plan
from flows.demonstrating.rows import Lived, drifted
from flows.demonstrating.story import Story
from flows.services import deployments, standing
from flows.services.up import Up
from tasks.core import clients, clock, ledger, roles, store, tracking
from tasks.core.errors import Unavailable
from tasks.core.ledger import Entry
from tasks.monitoring import kept
from tasks.project import Project
from tasks.retraining.verdicts import Kept

if TYPE_CHECKING:
    import polars as pl

FOLLOWED_SECONDS = 20.0
"""Servers follow a new champion within five."""


class Once:
    """A demonstration on the parts of this supervisor, whose one project is `project` and whose home is its own."""

    def __init__(self, up: Up, project: Project, story: Story) -> None:
        self._up, self._project, self._story = up, project, story
        self._name = project.name

    def play(self) -> bool:
        """Whether the loop closed: the retraining's model was promoted, or refused by a gate."""
        today = clock.now().date()
        with store.opened(self._up.home):
            lived = Lived.of(self._project)
            plan = Plan.of(self._project.retrain, lived.rows_a_day, today)
            clock.set_to(plan.begin)
            self._up.begin()
            standing.write(self._up)
            if not self._is_trained():
                return False
            request = self._lives(lived, plan)
            return request is not None and self._is_trained_anew(request)

    def _is_trained(self) -> bool:
        first, models = next(iter(ledger.entries(self._name, 1)), None), self._models
        if first is None or self._name not in self._up.served:
            why = reason(first) if first else self._up.untrained.get(self._name, "")
            self._story.add("train", f"{self._name} has no champion. {why}", models)
            return False
        self._story.add("train", f"Version {first.version} is the champion. {reason(first)}", models)
        self._story.add("serve", "The model API answers, and its page.", self._addresses.page)
        return True

    def _lives(self, lived: Lived, plan: Plan) -> str | None:
        """The training that is asked for after days with sound rows, or with drifted ones; None if none is."""
        import numpy as np

        from tasks.scoring.scorer import Scorer

        artifact, rng = roles.serving(self._name).champion.artifact, np.random.default_rng(self._project.seed)
        card = Scorer.open(store.path(artifact), artifact.digest).card
        n_sound, days = len(plan.sound), lived.days((*plan.sound, *plan.drifted), card, rng)
        self._asked(plan.sound, days[:n_sound], "real rows", card.target.name)
        request = self._judged(plan, plan.sound[-1]).request
        if request is None:
            moved, how = drifted(days[n_sound:], card, kept.known(artifact.digest).n_days, rng)
            self._story.add("drift", f"From now on {how}.")
            self._asked(plan.drifted, moved, "such rows", card.target.name)
            request = self._judged(plan, plan.drifted[-1]).request
        if request is None:
            self._story.add("end", "The loop does not close: this verdict asks for no training.")
        return request

    def _asked(self, dates: Sequence[date], days: Sequence[pl.DataFrame], what: str, target: str) -> None:
        answers: list[dict[str, Any]] = []
        for day, rows in zip(dates, days, strict=False):  # a source may have fewer days than are wanted
            answers += self._caller.live(day, rows, target)
        told = f"{len(answers)} {what} of {min(len(dates), len(days))} days are answered, and what came true is told."
        self._story.add("score", told, self._addresses.predict[self._name])

    def _judged(self, plan: Plan, day: date) -> Kept:
        clock.set_to(plan.night_after(day))
        name = deployments.named(self._up.described, self._up.root, self._up.chosen[0], "monitoring")
        run, found = looks.look(self._up.url, name, self._name, self._up.ended)
        self._story.add("judge", found.verdict.sentence, self._page(run))
        return found

    def _is_trained_anew(self, request: str) -> bool:
        run = looks.asked_for(self._up.url, request, self._up.ended)
        self._story.add("event", f"Request {request} is sent; its automation starts a training.", self._page(run))
        looks.finish(self._up.url, run, looks.TRAINING_SECONDS, self._up.ended)
        came = [entry for entry in ledger.entries(self._name, 5) if entry.evidence.get("request") == request]
        if not came:
            self._story.add("decide", "The training made the same model again, which goes on.", self._models)
            return True
        decision = came[0]
        match decision.decision:
            case "champion":
                told = "serves from now on" if self._follows(decision.version) else "is the champion"
                self._story.add("promote", f"Version {decision.version} {told}. {reason(decision)}", self._models)
            case "refused":
                self._story.add("refuse", f"Version {decision.version} is refused. {reason(decision)}", self._models)
            case _:
                waits = decision.evidence.get("waits", "a person")
                told = f"Version {decision.version} held its gates and waits, as project.yaml says: {waits}."
                self._story.add("wait", told, self._models)
        return True

    def _follows(self, version: str) -> bool:
        """Whether the API answers by the version within the time that it needs to see a new champion."""
        deadline = time.monotonic() + FOLLOWED_SECONDS
        while time.monotonic() < deadline:
            with suppress(Unavailable):
                if self._caller.serving() == version:
                    return True
            time.sleep(0.5)
        return False

    @cached_property
    def _caller(self) -> Caller:
        key = clients.add(self._name, "demonstration")[0] if self._project.serve.access == "keys" else None
        return Caller(self._addresses.page.rstrip("/"), self._name, key)

    @property
    def _addresses(self) -> standing.Addresses:
        return standing.addresses(self._up)

    @property
    def _models(self) -> str:
        return tracking.page_at(self._addresses.mlflow, f"models/{self._name}")

    def _page(self, run: str) -> str:
        return f"{self._up.url.removesuffix('/api')}/runs/flow-run/{run}"


def reason(entry: Entry) -> str:
    """Why the gates let it pass, or not, in one sentence: a gate that did not hold comes first, the metric's last."""
    reasons = entry.evidence.get("reasons")
    told = [str(each) for each in reasons] if isinstance(reasons, list) else []
    return f"{told[0 if entry.decision == 'refused' else -1].rstrip('.')}." if told else ""
