"""The back-test: a project's history, replayed under its retraining policy and under the usual ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from prefect import flow

from flows import runs
from tasks.check import check
from tasks.collect import collect
from tasks.core import metrics, progress, roles, store
from tasks.core.errors import ProjectError, UsageError
from tasks.core.expectations import RawExpectations
from tasks.core.records import CheckedDataset, CheckedSplits, Dataset, Splits
from tasks.core.splits import seconds
from tasks.prepare import inputs_of, prepare
from tasks.project import Project, load_project
from tasks.replaying.records import Replay
from tasks.retraining.policy import Retrain
from tasks.select_model import select_model
from tasks.tune import Tuning, tune

if TYPE_CHECKING:
    import polars as pl

    from tasks.core.model_records import Member
    from tasks.replaying.fits import Fits
    from tasks.replaying.history import History, Window
    from tasks.replaying.walk import Outcome, Policy

TRIALS = 2
"""Of boosting, where the project has no champion yet: both of its first defaults."""


@dataclass(frozen=True)
class Span:
    """What of the history is replayed, and how: in windows of `every`, with outcomes `delay` late."""

    begin: datetime | None
    end: datetime | None
    every: timedelta
    delay: timedelta


def fits_of(project: Project, span: Span) -> Fits:
    """The history of the project with the models that may be asked for; nothing is fitted for it yet but the first."""
    from tasks.replaying.fits import Fits

    raw, time = collect.fn(project.source), time_column(project)
    windows, raw = _windows(raw, time, project.target, span)
    known = check.fn(_first(raw, windows[0].n_labelled), _of_rows(project), project.checking)
    splits = prepare.fn(known, project.preparation)
    history = _history(project, raw, known, splits, time, span)
    members, metric = _members(project, splits)
    return Fits(history, project.name, metric, members, project.seed)


def time_column(project: Project) -> str:
    """The column that says when a row came; ProjectError when the project does not say it."""
    if project.monitor.time:
        return project.monitor.time
    if project.split.by == "time":
        return project.split.column
    raise ProjectError(
        f"The history of {project.name} cannot be replayed",
        expected="a column that says when each row came",
        found="none in project.yaml",
        action="Say `split: {by: time, column: …}`, or `monitor: {time: …}` where the rows are split otherwise",
    )


def _windows(raw: Dataset, time: str, target: str, span: Span) -> tuple[tuple[Window, ...], Dataset]:
    """The windows, and the rows in the order of time: those that have a time and a target, up to the end."""
    import polars as pl

    from tasks.core.errors import DataError
    from tasks.core.nearest import perhaps
    from tasks.replaying.history import moments_of, windows

    rows = store.scan(raw).collect()
    for name, said in ((time, "the time"), (target, "the target")):
        if name not in rows.columns:
            raise DataError(
                f"The rows have no column {name!r} for {said}", action=perhaps(name, rows.columns, "Correct it")
            )
    rows = rows.filter(pl.col(time).is_not_null() & pl.col(target).is_not_null())
    moments = moments_of(rows[time])
    rows = rows.with_columns(pl.Series("__moment__", moments)).sort("__moment__", maintain_order=True)
    if span.end is not None:
        rows = rows.filter(pl.col("__moment__") < span.end.replace(tzinfo=None))
    found = windows(rows["__moment__"].to_numpy(), span.every, span.delay, span.begin, span.end)
    rows = rows.drop("__moment__")
    return found, _stored(raw, rows)


def _stored(like: Dataset, rows: pl.DataFrame) -> Dataset:
    schema = store.schema(like)
    parts = store.put_parts(rows.to_arrow().cast(schema).to_batches(), schema)
    return store.dataset(like.name, parts, like.columns)


def _first(raw: Dataset, n_rows: int) -> Dataset:
    return _stored(raw, store.scan(raw).head(n_rows).collect())


def _history(project: Project, raw: Dataset, known: CheckedDataset, splits: Splits, time: str, span: Span) -> History:
    import polars as pl

    from tasks.core.prepared import Recipe
    from tasks.replaying.history import History, Seen, moments_of, windows

    # What stands for a missing value was found in the rows before the first date, and is not looked for in later ones.
    markers = {column.name: column.missing_values for column in known.dataset.columns}
    checking = project.checking.model_copy(update={"missing_values": {**markers, **project.checking.missing_values}})
    rows = store.scan(check.fn(raw, _of_rows(project), checking).dataset).collect()
    section = project.preparation
    names, left_out = inputs_of(known.dataset, section)
    harmful = {note.column for note in splits.notes if note.kind in ("hazard", "personal")} - set(section.keep)
    unseen = {note.column for note in left_out} | harmful
    columns = tuple(each for each in known.dataset.columns if each.name in names and each.name not in unseen)
    declared = {name: text for name, text in section.features.items() if name not in harmful}
    used = {each.name for each in columns} | {name for text in declared.values() for name in _names_in(text)}
    by_time = section.split.column if section.split.by == "time" and time not in section.drop else None
    used |= {by_time} if by_time else set()
    recipe = Recipe(names, [name for name in names if rows.schema[name].is_float()], declared, splits.target)
    moments = moments_of(rows[time])
    batch = rows.to_arrow().combine_chunks().to_batches()[0]
    made = pl.DataFrame({name: pl.from_arrow(values) for name, values in recipe.prepared(batch).items()})
    return History(
        rows=made,
        moments=moments,
        seen=Seen(
            inputs=tuple(column for column in known.dataset.columns if column.name in used),
            columns=columns,
            declared=declared,
            said=section.columns,
            time=by_time,
            target=splits.target,
        ),
        every=span.every,
        windows=windows(moments, span.every, span.delay, span.begin, span.end),
    )


def _of_rows(project: Project) -> RawExpectations:
    """What single rows must hold: how many there are, or what they are like together, is said of all of today's."""
    raw = project.expectations.raw
    return raw.model_copy(update={"expectations": tuple(each for each in raw.expectations if each.names_rows)})


def _names_in(text: str) -> set[str]:
    from tasks.core.expressions import names_in

    return names_in(text)


def _members(project: Project, splits: Splits) -> tuple[tuple[Member, ...], str]:
    """The champion's heaviest member; without one, the best of the first defaults on the rows before the replay."""
    from tasks.scoring.scorer import Scorer

    found = roles.known(project.name)
    if found is not None:
        card = Scorer.open(store.path(found.champion.artifact), found.champion.artifact.digest).card
        metric = project.metric or card.metric
        return (_heaviest(card.members),), metric
    checked = CheckedSplits(splits=splits, reports=())
    candidates = select_model.fn(checked, project.selection)
    boosting = [each for each in candidates.families if each.chosen and each.family == "boosting"]
    if boosting:
        families = tuple(each.model_copy(update={"chosen": each in boosting}) for each in candidates.families)
        candidates = candidates.model_copy(update={"families": families})
    tuned = tune.fn(candidates, checked, Tuning(seconds=None, trials=TRIALS if boosting else 4, seed=project.seed))
    return (_heaviest(tuned.members),), project.metric or metrics.default_metric(splits.target.problem)


def _heaviest(members: Sequence[Member]) -> Member:
    return max(members, key=lambda each: each.weight).model_copy(update={"weight": 1.0})


def replayed(project: Project, span: Span, threads: int | None = None) -> Replay:
    """What each policy would have made of the history; the home's store must be open."""
    from tasks.decide import decide
    from tasks.learning.parallel import in_parallel, one_thread, within_context
    from tasks.replaying import ages, recommending
    from tasks.replaying.calendars import Calendar
    from tasks.replaying.keepfit import Keepfit
    from tasks.replaying.triggers import adwin, ks, page_hinkley, psi
    from tasks.replaying.walk import walk
    from tasks.replaying.watched import Watch

    started, retrain = perf_counter(), policy_of(project, span)
    fits = fits_of(project, span)
    windows = fits.history.windows
    fits.prefit([*(each.n_labelled for each in windows), *ages.cut_sizes(fits.history.n_first)], threads)
    first, cost = ages.first_curve(fits)
    watch = Watch(fits, project.monitor.false_alarms) if "data_drift" in retrain.on else None
    ours = partial(Keepfit, fits, decide=decide, curve=first, watch=watch, seconds=cost)
    policies: list[Policy] = [
        ours(retrain),
        ours(retrain, name="keepfit_corrected", title="keepfit, its correction served", corrects=True),
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
    calls = [within_context(partial(walk, fits, each)) for each in (*policies, *tried)]
    outcomes: list[Outcome] = []
    with one_thread():
        for some in in_parallel(calls, min(threads or os.cpu_count() or 1, len(calls))):
            outcomes += some
            progress.advance("live through", "", len(outcomes), None if len(outcomes) == len(calls) else len(calls))
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
