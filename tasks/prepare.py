"""From checked rows to training, validation and test rows, and to what the model will see of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from tasks.core import store
from tasks.core.choices import Choice
from tasks.core.duplicates import Duplicates
from tasks.core.errors import DataError
from tasks.core.nearest import perhaps
from tasks.core.records import CheckedDataset, Dataset, Note, Record, Splits, is_provenance
from tasks.core.splits import HashSplit, Split
from tasks.core.step import step
from tasks.core.targets import ProblemWish

if TYPE_CHECKING:
    from tasks.core.near import Sketch


class Preparation(Record):
    """What a project may say about its target, features and split."""

    target: str
    problem: ProblemWish | None = None
    """Inferred from the target's values when not said."""
    features: dict[str, str] = Field(default_factory=dict)
    """Declared features: name and expression over the input columns."""
    drop: tuple[str, ...] = ()
    """Columns that are no features; a declared feature may still be made of them."""
    keep: tuple[str, ...] = ()
    """Columns and declared features to learn from although they look like hazards or hold personal data."""
    columns: dict[str, Choice] = Field(default_factory=dict)
    """How to treat columns and declared features that keepfit would treat otherwise."""
    split: Split = HashSplit()
    seed: int = 0
    key: tuple[str, ...] = ()
    """Columns of which a value names one row; it is placed by them, whatever else of the row changes."""
    duplicates: Duplicates = Duplicates()
    time: str | None = None
    """When a row came, which monitoring asks for: it stays beside the rows, and is no feature by it."""


@step
def prepare(checked: CheckedDataset, section: Preparation) -> Splits:
    """Rows split so that no row, time or group straddles; features and levels from the training rows alone."""
    from tasks.core import prepared
    from tasks.core.partition import partition
    from tasks.examining.hazards import hazards
    from tasks.examining.personal import personal_columns
    from tasks.modalities.features import features, no_feature
    from tasks.modalities.sketching import sketches

    rows = checked.dataset
    inputs, left_out = inputs_of(rows, section)
    if not inputs:
        raise no_feature(left_out)
    unclean = prepared.unclean_columns(rows, [*inputs, section.target])
    target = prepared.target(rows, section.target, section.problem)
    near = sketches(rows, inputs, section.columns) if section.duplicates.near != "ignore" else []
    placed = partition(rows, inputs, target, section.split, section.seed, section.duplicates, section.key, near)
    # Beside the inputs, not among them: equal rows of two days are equal rows, and must not straddle the parts.
    aside = [] if section.time in (None, section.target, *inputs) else [str(section.time)]
    recipe = prepared.Recipe(
        [*inputs, *aside], [note.column for note in unclean if note.column], section.features, target
    )
    train, validation, test = prepared.write(rows, recipe, placed)
    unseen = {note.column for note in left_out}
    seen = [column for column in rows.columns if column.name in inputs and column.name not in unseen]
    harmful, hazardous = hazards((train, validation, test), seen, section.features, target, section.split, section.keep)
    seen = [column for column in seen if column.name not in harmful]
    declared = {name: text for name, text in section.features.items() if name not in harmful}
    if not seen and not declared:
        raise no_feature(hazardous)
    time = section.split.column if section.split.by == "time" else None
    made, dropped = features(train, seen, declared, section.columns, None if time in section.drop else time)
    used = prepared.columns_used(made)
    people = personal_columns(train, [column.name for column in rows.columns if column.name in used])
    left_out = [note for note in left_out if note.column not in {each.name for each in made}]
    return Splits(
        train=train,
        validation=validation,
        test=test,
        inputs=tuple(
            column.model_copy(update={"personal": column.name in people})
            for column in rows.columns
            if column.name in used
        ),
        features=made,
        target=target,
        notes=(*rows.notes, *left_out, *unclean, *placed.notes, *hazardous, *dropped),
        time_column=time,
        time_gap=section.split.gap if section.split.by == "time" else None,
        together=tuple(filter(None, (section.split.columns if section.split.by == "group" else (), section.key))),
        near=tuple(name for one in near for name in one.columns),
        row_rule=json.dumps({"columns": sorted(inputs), "seed": section.seed}),
        rule=_rule(section, near),
    )


def _rule(section: Preparation, near: Sequence[Sketch]) -> str:
    said: dict[str, object] = {**section.split.rule, "seed": section.seed}
    if section.key:
        said["key"] = section.key
    if near:
        said["near"] = {section.duplicates.near: [[one.kind, *one.columns] for one in near]}
    return json.dumps(said, sort_keys=True)


def inputs_of(rows: Dataset, section: Preparation) -> tuple[list[str], list[Note]]:
    """The columns that stay in the splits, and notes on those of the data that are no features all the same."""
    from tasks.core.expressions import computed, names_in

    names = [column.name for column in rows.columns]
    by = section.split.columns
    for said, name in [
        ("target", section.target),
        *(("split", name) for name in by),
        *(("key", name) for name in section.key),
        *(("drop", name) for name in section.drop),
        *(("keep", name) for name in section.keep if name not in section.features),
        *([("monitor.time", section.time)] if section.time else []),
    ]:
        if name not in names:
            action = perhaps(name, names, f"The columns are {', '.join(names[:10])}")
            raise DataError(f"`{said}` names column {name!r}, which the data do not have", action=action)
    for said, columns in (("split", by), ("key", section.key)):
        if section.target in columns:
            raise DataError(
                f"`{said}` names the target {section.target!r}", action="Name a column that is known before"
            )
    for name in (*section.features, "__row__", "__fold__", "__group__"):
        if name in names:
            raise DataError(f"Name {name!r} stands for a feature and for a column", action="Rename one of them")
    for name in section.columns:
        known = [each for each in (*names, *section.features) if each not in {section.target, *by, *section.drop}]
        if name not in known:
            action = perhaps(name, known, f"The features are {', '.join(known[:10])}")
            raise DataError(f"`columns` names {name!r}, which is no column or feature to learn from", action=action)
    computed(store.scan(rows), section.features)  # Nothing is computed yet, but what cannot be is refused.
    needed = {name for text in section.features.values() for name in names_in(text)}
    if section.target in needed:
        raise DataError(
            f"A declared feature needs the target {section.target!r}", action="Make features of what is known before it"
        )
    left_out = {section.target, *section.drop, *filter(is_provenance, names)} - {*needed, *by, *section.key}
    stay = [name for name in names if name not in left_out]
    reasons = {one.name: "names a row or a group of rows" for one in rows.columns if one.identifier}
    reasons |= dict.fromkeys(section.drop, "dropped as the project says")
    reasons |= {name: "where the row comes from; for people alone" for name in names if is_provenance(name)}
    if len(section.key) == 1:
        reasons[section.key[0]] = "the key: it names rows"
    for name in by:
        # A model learns nothing for times and groups that it will only meet later.
        reasons[name] = "what the rows are split by; a declared feature may still be made of it"
    notes = [Note(kind="dropped_column", column=name, n_rows=rows.n_rows, text=text) for name, text in reasons.items()]
    return stay, notes
