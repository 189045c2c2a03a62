"""What expectations find in a data set, however large it is.

Memory stays flat: expectations of single rows see one batch of rows after the other, the others only the columns
that they speak of. So `mostly` is accounted here, over all batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.core import progress, quality, store, values
from tasks.core.expectations import Expectation
from tasks.core.quality import Seen
from tasks.core.records import Dataset, FailedExpectation

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

BATCH_ROWS = 262_144
N_EXAMPLES = 5


@dataclass
class Finding:
    """What became of one expectation: how many rows it spoke of, how many and which broke it, what was found there.

    `rows` are over all rows of the data set; None when no row broke it, or it speaks of no single row.
    """

    expectation: Expectation
    held: bool = True
    n_rows: int = 0
    n_broken: int = 0
    rows: NDArray[np.bool_] | None = None
    examples: tuple[str, ...] = ()

    def add(self, seen: Seen, frame: pl.DataFrame, at: NDArray[np.intp], n_total: int) -> None:
        """Add what was seen in a frame whose rows are at the positions `at` of the data set's `n_total`."""
        import numpy as np

        if not self.expectation.names_rows:
            self.held, self.examples = seen.held, (seen.observed,) if seen.observed else ()
            return
        self.n_rows += seen.n_rows
        self.n_broken += len(seen.broken)
        self.held = self.n_broken <= (1 - self.expectation.mostly) * self.n_rows + 1e-9
        if seen.broken:
            if self.rows is None:
                self.rows = np.zeros(n_total, dtype=np.bool_)
            self.rows[at[np.asarray(seen.broken)]] = True
            few = frame[list(seen.broken[: 4 * N_EXAMPLES])]
            found = few.select(values.shown(few, self.expectation.columns)).to_series().to_list()
            self.examples = tuple(dict.fromkeys([*self.examples, *found]))[:N_EXAMPLES]

    @property
    def broke(self) -> NDArray[np.bool_] | None:
        """The rows that are to blame: those that broke it when it did not hold and is meant seriously."""
        return None if self.held or self.expectation.severity == "warn" else self.rows

    @property
    def record(self) -> FailedExpectation:
        """How it is reported when it did not hold."""
        asked = self.expectation
        return FailedExpectation(
            expectation=asked.type,
            column=", ".join(asked.columns) or None,
            n_rows=self.n_broken,
            examples=self.examples,
            reason=f"{asked.claim} ({asked.reason})" if asked.reason else asked.claim,
            severity=asked.severity,
        )


def validate(dataset: Dataset, expectations: Sequence[Expectation], step: str = "check") -> list[Finding]:
    """A finding for each column of texts that are meant as numbers, and one for each expectation.

    Rows that break a `reject` expectation are left out before columns and the table as a whole are judged.
    """
    import numpy as np

    asked = [expectation for expectation in expectations if expectation.type != "expect_column_type_to_be"]
    quality.try_arguments(asked, frozenset(column.name for column in dataset.columns if column.type == "date"))
    numbers = values.meant_as_numbers(dataset)
    parsing = [Finding(values.IsNumber.of(name)) for name in numbers]
    by_row = [Finding(expectation) for expectation in asked if expectation.scope == "rows"]
    others = [Finding(expectation) for expectation in asked if expectation.scope != "rows"]

    n_done = 0
    for texts in _frames(dataset, {*numbers, *(name for found in by_row for name in found.expectation.columns)}):
        at = np.arange(n_done, n_done + texts.height)
        for name, finding in zip(numbers, parsing, strict=True):
            broken = texts.select(values.no_number(name).arg_true()).to_series().to_list()
            finding.add(Seen(not broken, texts.height, broken), texts, at, dataset.n_rows)
        frame = values.cast(texts, numbers)
        for finding, seen in zip(by_row, quality.evaluate(frame, _expectations(by_row)), strict=True):
            finding.add(seen, frame, at, dataset.n_rows)
        n_done += frame.height
        progress.advance(step, "rows", n_done, dataset.n_rows)

    rejected = rejects([*parsing, *by_row], dataset.n_rows)
    for group, columns, n_rows in _groups(others, dataset):
        frame = values.cast(_rows(dataset, columns, ~rejected[:n_rows]), numbers)
        for finding, seen in zip(group, quality.evaluate(frame, _expectations(group)), strict=True):
            finding.add(seen, frame, np.flatnonzero(~rejected), dataset.n_rows)
    return [*parsing, *by_row, *others, *(_typed(dataset, one) for one in expectations if one not in asked)]


def rejects(findings: Sequence[Finding], n_rows: int) -> NDArray[np.bool_]:
    """Which rows broke an expectation that rejects, over all rows of the data set."""
    import numpy as np

    rejected = np.zeros(n_rows, dtype=np.bool_)
    for finding in findings:
        if finding.expectation.severity == "reject" and finding.broke is not None:
            rejected |= finding.broke
    return rejected


def _expectations(findings: Sequence[Finding]) -> list[Expectation]:
    return [finding.expectation for finding in findings]


def _frames(dataset: Dataset, columns: set[str]) -> Iterator[pl.DataFrame]:
    import polars as pl

    names = [column.name for column in dataset.columns if column.name in columns]
    if names:
        for batch in store.batches(dataset, names, values.rows_at_once(dataset, names, BATCH_ROWS)):
            yield pl.DataFrame(batch)


def _groups(findings: list[Finding], dataset: Dataset) -> Iterator[tuple[list[Finding], list[str], int]]:
    """The findings that are made together, the columns they need and of how many rows: all at once for few rows."""
    groups: dict[tuple[tuple[str, ...], int], list[Finding]] = {}
    everything = tuple(column.name for column in dataset.columns)
    few = dataset.n_rows <= BATCH_ROWS
    for finding in findings:
        of_schema = finding.expectation.scope == "schema"
        columns = everything if of_schema else finding.expectation.columns or everything[:1]  # rows count in any column
        groups.setdefault((columns, dataset.n_rows if few or not of_schema else 0), []).append(finding)
    if groups and few:
        groups = {(tuple(name for columns, _ in groups for name in columns), dataset.n_rows): findings}
    for (columns, n_rows), group in groups.items():
        yield group, [name for name in everything if name in columns], n_rows


def _rows(dataset: Dataset, columns: list[str], kept: NDArray[np.bool_]) -> pl.DataFrame:
    import polars as pl

    frame = store.scan(dataset).select(columns).head(len(kept)).collect()
    return frame if kept.all() else frame.filter(pl.Series(kept))


def _typed(dataset: Dataset, expectation: Expectation) -> Finding:
    """Great Expectations would compare pandas' types, which come and go with missing values."""
    found = next((column.type for column in dataset.columns if column.name in expectation.columns), "no such column")
    wanted = expectation.arguments["type_"]
    held = found == wanted or (found, wanted) == ("integer", "number")
    return Finding(expectation, held=held, examples=(f"type {found}",))
