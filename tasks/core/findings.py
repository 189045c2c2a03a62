"""What expectations find in a data set, however large it is.

Memory stays flat: expectations of single rows see one batch of rows after the other, the others only the columns
that they speak of. So `mostly` is accounted here, over all batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.core import cells, loading, progress, quality, released
from tasks.core.expectation import Expectation
from tasks.core.quality import Seen
from tasks.core.records import Dataset, FailedExpectation

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

BATCH_ROWS = 262_144


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
    pardoned: NDArray[np.intp] | None = None
    """The rows that broke it and were released before."""

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
            few = frame[list(seen.broken[: 4 * cells.EXAMPLES])]
            found = cells.found(few, self.expectation).to_list()
            self.examples = tuple(dict.fromkeys([*self.examples, *found]))[: cells.EXAMPLES]

    def pardon(self, at: NDArray[np.intp], examples: Sequence[str]) -> None:
        """Hold nothing against the rows at these positions; `examples` are of the others that broke it."""
        if self.rows is not None:
            self.rows[at] = False
        self.pardoned = at
        self.n_broken -= len(at)
        self.held = self.n_broken <= (1 - self.expectation.mostly) * self.n_rows + 1e-9
        self.examples = tuple(dict.fromkeys(examples))[: cells.EXAMPLES]

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
            claim=asked.claim,
        )


def validate(
    dataset: Dataset,
    expectations: Sequence[Expectation],
    readable: Sequence[cells.IsReadable] = (),
    step: str = "check",
    released_rows: Mapping[str, Sequence[str]] | None = None,
) -> list[Finding]:
    """A finding for each column of texts that are meant as numbers, each that must be `readable`, each expectation.

    Rows that break a `reject` expectation are left out before columns and the table as a whole are judged.
    `released_rows` may break rules (`core/released.py`).
    """
    import numpy as np

    asked = [expectation for expectation in expectations if expectation.type != "expect_column_type_to_be"]
    quality.try_arguments(asked, frozenset(column.name for column in dataset.columns if column.type == "date"))
    cleaning = cells.Cleaning.of(dataset)
    texts_as_numbers = [column for column in dataset.columns if column.name in cleaning.numbers]
    meant = [*map(cells.IsNumber.of, texts_as_numbers), *readable]
    parsing = [Finding(each) for each in meant]
    by_row = [Finding(expectation) for expectation in asked if expectation.scope == "rows"]
    others = [Finding(expectation) for expectation in asked if expectation.scope != "rows"]

    n_done = 0
    columns = {name for each in [*meant, *_expectations(by_row)] for name in each.columns}
    for texts in loading.frames(dataset, columns, BATCH_ROWS) if columns else ():
        at = np.arange(n_done, n_done + texts.height)
        for each, finding in zip(meant, parsing, strict=True):
            broken = each.found(texts).is_not_null().arg_true().to_list()
            finding.add(Seen(not broken, texts.height, broken), texts, at, dataset.n_rows)
        frame = cleaning.of_rows(texts)
        for finding, seen in zip(by_row, quality.evaluate(frame, _expectations(by_row)), strict=True):
            finding.add(seen, frame, at, dataset.n_rows)
        n_done += frame.height
        progress.advance(step, "rows", n_done, dataset.n_rows)

    released.pardon(dataset, by_row, released_rows or {})
    rejected = rejects([*parsing, *by_row], dataset.n_rows)
    for group in loading.groups(dataset, _expectations(others), BATCH_ROWS):
        frame, at = loading.rows(dataset, group, ~rejected, BATCH_ROWS)
        seen = quality.evaluate(frame, [others[place].expectation for place in group.places])
        for place, one in zip(group.places, seen, strict=True):
            others[place].add(one, frame, at, dataset.n_rows)
    released.pardon(dataset, others, released_rows or {})
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


def _typed(dataset: Dataset, expectation: Expectation) -> Finding:
    """Great Expectations would compare pandas' types, which come and go with missing values."""
    found = next((column.type for column in dataset.columns if column.name in expectation.columns), "no such column")
    wanted = expectation.arguments["type_"]
    held = found == wanted or (found, wanted) == ("integer", "number")
    return Finding(expectation, held=held, examples=(f"type {found}",))
