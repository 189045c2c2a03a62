"""The back-test: a project's history, replayed under its retraining policy and under the usual ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from prefect import flow

from flows import runs
from flows.history import Span, fits_of
from tasks.core import metrics, store
from tasks.core.errors import UsageError
from tasks.core.splits import seconds
from tasks.project import Project, load_project
from tasks.replaying.records import Replay
from tasks.retraining.policy import Retrain

if TYPE_CHECKING:
    from tasks.replaying.walk import Policy


def replayed(project: Project, span: Span, threads: int | None = None) -> Replay:
    """What each policy would have made of the history; the home's store must be open."""
    from tasks.decide import decide
    from tasks.replaying import ages, recommending
    from tasks.replaying.calendars import Calendar
    from tasks.replaying.keepfit import Keepfit
    from tasks.replaying.lived import lived
    from tasks.replaying.triggers import adwin, ks, page_hinkley, psi
    from tasks.replaying.watched import Watch

    started, retrain = perf_counter(), policy_of(project, span)
    fits = fits_of(project, span)
    windows = fits.history.windows
    fits.prefit([*(each.n_labelled for each in windows), *ages.cut_sizes(fits.history)], threads)
    first, cost = ages.first_curve(fits)
    watch = Watch(fits, project.monitor.false_alarms) if "data_drift" in retrain.on else None
    gate = project.acceptance.champion
    ours = partial(Keepfit, fits, decide=decide, curve=first, watch=watch, gate=gate, seconds=cost)
    other = "uncorrected" if retrain.correct else "corrected"
    policies: list[Policy] = [
        ours(retrain),
        ours(retrain, name=f"keepfit_{other}", title=f"keepfit, {other}", corrects=not retrain.correct),
        Calendar("never", "never", 0),
        Calendar("schedule", "every window", 1),
        Calendar("every_4th", "every 4th window", 4),
        adwin(fits),
        page_hinkley(fits),
        ks(fits),
        psi(fits),
    ]
    variants = recommending.variants(retrain, curve := ages.curve(fits))
    # Settings are compared by gain and age alone: to judge the days of each one's champions would take longest of all.
    tried = [ours(each, watch=None, name=f"variant {number}") for number, each in enumerate((retrain, *variants))]
    # The two that go the project's own way last: side by side with it they would wait for the same models.
    outcomes = lived(fits, [*policies, *tried], (1, len(policies)), threads)
    found, others = outcomes[: len(policies)], outcomes[len(policies) :]
    weekly = next(each for each in found if each.name == "schedule")
    return Replay(
        project=project.name,
        metric=fits.metric,
        greater_is_better=metrics.measure(fits.metric).greater_is_better,
        start=windows[0].start,
        end=windows[-1].end,
        every=spoken(span.every),
        label_delay=spoken(span.delay),
        n_rows=windows[-1].last - windows[0].first,
        late_classes=dict(fits.history.late),
        n_windows=len(windows),
        model=fits.members[0].family,
        retrain=retrain,
        policies=tuple(found),
        first=first,
        ages=curve,
        recommended=recommending.recommended(retrain, others[0], list(zip(variants, others[1:], strict=True)), weekly),
        n_fitted=fits.n_fitted,
        n_recalled=fits.n_recalled,
        seconds=round(perf_counter() - started, 3),
    )


def policy_of(project: Project, span: Span) -> Retrain:
    """The project's policy, whose windows are those of the replay: ages, budgets and the like are told in them."""
    if seconds(project.retrain.every) == span.every.total_seconds():
        return project.retrain
    return project.retrain.model_copy(update={"every": spoken(span.every)})


def spoken(span: timedelta) -> str:
    """A span as project.yaml says it."""
    seconds = round(span.total_seconds())
    for unit, size in (("w", 604_800), ("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


@flow(name="replay", flow_run_name=runs.name_of_replay, validate_parameters=True, log_prints=False)
def replay(
    project: str,
    every: str | None = None,
    label_delay: str | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
) -> Replay:
    """Back-test the retraining policy of the project in the folder `project`, for a schedule; see `keepfit replay`."""
    config = load_project(Path(project))
    with store.opened(store.home_of(config.folder)):
        found = replayed(config, span_of(config, every, label_delay, begin, end))
        publish(found)
        return found


def span_of(
    project: Project, every: str | None, delay: str | None, begin: datetime | None, end: datetime | None
) -> Span:
    """What is replayed; without a word on it in windows of the project's own policy, with outcomes at once."""
    spans: list[timedelta] = []
    for option, said in (("--every", every or project.retrain.every), ("--label-delay", delay or "0s")):
        length = seconds(said)
        if not length > 0 and not (option == "--label-delay" and said[:1] == "0"):
            raise UsageError(option, expected="a span of time such as 7d (s, min, h, d or w)", found=said)
        spans.append(timedelta(seconds=length))
    begin, end = (each and (each if each.tzinfo else each.replace(tzinfo=UTC)) for each in (begin, end))
    if begin and end and begin >= end:
        raise UsageError("--from and --to", expected="a date before the other", found=f"{begin:%Y-%m-%d}")
    return Span(begin, end, *spans)


def publish(found: Replay) -> Path:
    """Put the page where a person finds it: `reports/<project>-replay.html` in the home."""
    from tasks.replaying.page import render

    target = store.home() / "reports" / f"{found.project}-replay.html"
    target.parent.mkdir(exist_ok=True)
    store.write_file(target, render(found).encode())
    target.chmod(0o644)  # made to be shown to others
    return target
