"""A project's rows as the history that is replayed, with the models that may be asked for at each of its dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tasks.check import check
from tasks.collect import collect
from tasks.core import metrics, roles, store
from tasks.core.errors import ProjectError
from tasks.core.expectations import RawExpectations
from tasks.core.records import CheckedDataset, CheckedSplits, Dataset, Splits, Target
from tasks.prepare import inputs_of, prepare
from tasks.project import Project
from tasks.select_model import select_model
from tasks.tune import Tuning, tune

if TYPE_CHECKING:
    import polars as pl

    from tasks.core.model_records import Member
    from tasks.replaying.fits import Fits
    from tasks.replaying.history import History, Window

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
    history = _history(project, raw, known, splits, time, span, windows[0].start)
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


def _history(
    project: Project, raw: Dataset, known: CheckedDataset, splits: Splits, time: str, span: Span, begin: datetime
) -> History:
    import polars as pl

    from tasks.core.prepared import Recipe
    from tasks.replaying.history import History, Seen, moments_of, windows

    # What stands for a missing value was found in the rows before the first date, and is not looked for in later ones.
    markers = {column.name: column.missing_values for column in known.dataset.columns}
    checking = project.checking.model_copy(update={"missing_values": {**markers, **project.checking.missing_values}})
    rows, late = _of_known_classes(
        store.scan(check.fn(raw, _of_rows(project), checking).dataset).collect(), splits.target
    )
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
        # By default it begins where it did, although there are fewer rows now.
        windows=windows(moments, span.every, span.delay, begin, span.end),
        late=late,
    )


def _of_known_classes(rows: pl.DataFrame, target: Target) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows without those of classes that come later: a model that knows none of them has no answer to judge."""
    import polars as pl

    if not target.classes:
        return rows, {}
    name = pl.col(target.name).cast(pl.String)
    late = rows.filter(~name.is_in(target.classes)).select(name).to_series().value_counts(sort=True, name="n")
    return rows.filter(name.is_in(target.classes)), dict(late.iter_rows())


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
