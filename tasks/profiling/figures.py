"""The figures of a table: what one look at all rows, and a closer one at some of them, tells of each column."""

from __future__ import annotations

from tasks.core.records import ColumnType, Record

Value = str | int | float | bool


class Tail(Record):
    """One end of a column's values.

    `seen` is the outermost value, which `n_rows` rows have; `reached` is one that fresh rows reach all but surely;
    beyond `limit` they hardly come.
    """

    seen: float
    n_rows: int
    reached: float
    limit: float


class Spread(Record):
    """How the numbers of a column lie: numbers themselves, moments as seconds since 1970, or lengths of texts.

    `kurtosis` is the fourth standardised moment (3 for a normal distribution). `edges` cut the values into bins of
    the shares `weights`: those below the first, between each two, and above the last; `n_weighed` values have these.
    """

    n: int
    n_weighed: int
    mean: float
    deviation: float
    kurtosis: float
    low: Tail
    high: Tail
    whole: bool
    edges: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()


class Shape(Record):
    """A pattern that `n_rows` of `n` texts have."""

    regex: str
    n_rows: int
    n: int
    words: str = ""


class Runs(Record):
    """`n_rows` rows end `length` equal values; a row of these finds itself among `together` of them on average."""

    length: int
    n_rows: int
    together: float = 1.0


class ColumnFigures(Record):
    """One column. `common` are its commonest values with how often they come, all of them when `closed` is said.

    `distinct` is a lower bound when not `counted`. `n_repeated` rows have a value that another row has; None when
    that was not looked at. `once` values come once, in the rows that were looked at (`n_looked`).
    """

    name: str
    type: ColumnType
    n: int
    n_missing: int
    distinct: int = 0
    counted: bool = False
    once: int = 0
    n_looked: int = 0
    rarest: int = 0
    common: tuple[tuple[Value, int], ...] = ()
    n_repeated: int | None = None
    order: str = ""
    """`increasing` or `strictly increasing` when the rows come so."""
    runs: tuple[Runs, ...] = ()
    rounds: tuple[float, ...] = ()
    """Numbers of one digit as large as the column's values; `n_round` rows that were looked at have one of them."""
    n_round: int = 0
    spread: Spread | None = None
    lengths: Spread | None = None
    shapes: tuple[Shape, ...] = ()
    absent: tuple[Shape, ...] = ()
    """Signs of damage, with how many texts have them."""

    @property
    def n_present(self) -> int:
        return self.n - self.n_missing

    @property
    def counts_rows(self) -> bool:
        """Whether it is a number that goes up with each row: of the next rows it will be another, whatever they are."""
        return self.type in ("integer", "number") and self.order == "strictly increasing" and self.n >= 20


SELDOM = 0.005
"""The share of the rows that may break a relation that is one."""


class Relation(Record):
    """What holds between columns: `kind` is an expectation's type; `n_rows` of `n` rows break it.

    `by_chance` is the share of rows that would break it if the columns had nothing to do with each other.
    """

    kind: str
    columns: tuple[str, ...]
    n: int
    n_rows: int = 0
    by_chance: float = 1.0
    total: float | str | None = None
    pairs: tuple[tuple[Value, Value], ...] = ()
    or_equal: bool = True
    usual: bool = False
    """Whether many rows break it, but always about as many."""

    @property
    def every_column(self) -> tuple[str, ...]:
        """All columns that it speaks of."""
        return (*self.columns, self.total) if isinstance(self.total, str) else self.columns


class TableFigures(Record):
    """A whole table."""

    n_rows: int
    columns: tuple[ColumnFigures, ...]
    relations: tuple[Relation, ...] = ()
