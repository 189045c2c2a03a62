"""Rows that break a rule and are let through all the same: who they are, where it is written, how they get off.

`released.yaml` lies beside project.yaml, so that it is seen in version control: one line for a row and a rule, with
the day and why. A row is known by the hash of its content, so it is the same row wherever it stands; a rule by its
name and columns, so a release outlives a bound that is moved a little, and no other rule.

    - {row: "9f86d081884c7d65", rule: "expect_column_values_to_be_between of age", when: 2026-11-22, why: "…"}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter, ValidationError

from tasks.core import arrow, cells, store, yaml_file
from tasks.core.errors import ProjectError
from tasks.core.expectation import Expectation
from tasks.core.records import Dataset, FailedExpectation, Record, is_provenance

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from tasks.core.findings import Finding

FILE = "released.yaml"
TYPE_ERRORS = ("expect_column_type_to_be", "readable")
"""What no release mends: a text that is no number has no place in a column of numbers."""
_HEAD = """\
# Rows of the quarantine that are let through although they break a rule. `keepfit quarantine PROJECT --release` adds
# to it; take a line out, and the row is held back again.
"""


class Release(Record):
    """One row that may break one rule, since when and why."""

    row: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    rule: str
    when: date
    why: str = ""


def rule_of(broken: Expectation | FailedExpectation) -> str:
    """The rule's name, with its columns: `expect_column_values_to_be_between of age`."""
    if isinstance(broken, FailedExpectation):
        return f"{broken.expectation} of {broken.column}" if broken.column else broken.expectation
    return f"{broken.type} of {', '.join(broken.columns)}" if broken.columns else broken.type


def load(file: Path) -> dict[str, tuple[str, ...]]:
    """For each released row the rules that it may break; ProjectError when the file says something else."""
    if not file.exists():
        return {}
    said = yaml_file.read(file, quick=True)
    try:
        releases = TypeAdapter(list[Release]).validate_python(said or [])
    except ValidationError as exc:
        first = exc.errors()[0]
        raise ProjectError(
            f"{file} cannot be read",
            expected='lines such as - {row: "9f86d081884c7d65", rule: …, when: 2026-11-22, why: …}',
            found=f"{first['msg']} at {first['loc']}",
            action="Correct it there",
        ) from exc
    found: dict[str, set[str]] = {}
    for release in releases:
        found.setdefault(release.row, set()).add(release.rule)
    return {row: tuple(sorted(found[row])) for row in sorted(found)}


def add(file: Path, releases: Iterable[Release]) -> int:
    """Write those that are not there yet behind those that are; how many."""
    known = load(file)
    new = [release for release in releases if release.rule not in known.get(release.row, ())]
    if new:
        before = file.read_text(encoding="utf-8") if file.exists() else _HEAD
        lines = (
            f'- {{row: "{one.row}", rule: {json.dumps(one.rule)}, when: {one.when}, why: {json.dumps(one.why)}}}\n'
            for one in new
        )
        store.write_file(file, f"{before.rstrip()}\n{''.join(lines)}".encode())
        file.chmod(0o644)  # it is for version control, as project.yaml is
    return len(new)


def keys(batch: pa.RecordBatch) -> list[str]:
    """What each row is known by, over all of its columns but those that say where it comes from.

    A number is the same as its text: one wrong cell elsewhere makes texts of a column of numbers.
    """
    import numpy as np
    import polars as pl

    from tasks.core.row_hash import mix, value_hashes

    normal = arrow.cast(batch, arrow.normal_schema(batch.schema, "the rows"), "the rows")
    total = np.zeros(batch.num_rows, np.uint64)
    for name in filter(lambda name: not is_provenance(name), normal.schema.names):
        values = normal.column(name)
        hashes = value_hashes(values, name)
        if str(values.type) == "string":
            numbers = pl.Series(values).str.strip_chars().cast(pl.Float64, strict=False)
            of_numbers = value_hashes(numbers.to_arrow(), name)
            hashes = np.where(numbers.is_finite().fill_null(False).to_numpy(), of_numbers, hashes)
        total += hashes
    return [f"{value:016x}" for value in mix(total).tolist()]


def pardon(dataset: Dataset, findings: Sequence[Finding], released: Mapping[str, Sequence[str]]) -> None:
    """Take the released rows from what broke the rules that they may break."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    judged = [one for one in findings if one.broke is not None and not isinstance(one.expectation, cells.Meant)]
    if not released or not judged:
        return
    broken: NDArray[np.bool_] = np.logical_or.reduce([one.broke for one in judged if one.broke is not None])
    cleaning = cells.Cleaning.of(dataset)
    names = [column.name for column in dataset.columns]
    n_done = 0
    free: dict[int, list[int]] = {}
    kept: dict[int, list[str]] = {}
    for batch in store.batches(dataset, rows=cells.rows_at_once(dataset, names, arrow.GROUP_ROWS)):
        at = np.flatnonzero(broken[n_done : n_done + batch.num_rows])
        n_done += batch.num_rows
        if not len(at):
            continue
        rows = batch.take(pa.array(at))
        clean = cleaning.of_rows(pl.DataFrame(rows))
        at = at + n_done - batch.num_rows
        may = [released.get(key, ()) for key in keys(rows)]
        for place, finding in enumerate(judged):
            rule = rule_of(finding.expectation)
            mask = finding.rows[at] if finding.rows is not None else np.zeros(len(at), np.bool_)
            pardoned = np.array([rule in rules for rules in may]) & mask
            free.setdefault(place, []).extend(at[pardoned].tolist())
            left = clean.filter(pl.Series(mask & ~pardoned))[: cells.EXAMPLES]
            kept.setdefault(place, []).extend(cells.found(left, finding.expectation).to_list())
    for place, finding in enumerate(judged):
        if free.get(place):
            finding.pardon(np.array(free[place]), kept[place])
