"""The rows that a log makes: of each prediction point the features of the events strictly before it.

All is counted in whole microseconds and decimals, so that no order of the events and no number of threads shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks.core.arrow import GROUP_ROWS
from tasks.sources.event_features import SECOND, Aggregate, Window
from tasks.sources.event_log import Keys
from tasks.sources.event_sql import named, quoted

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

DAY = 86_400 * SECOND


@dataclass
class _Query:
    """The output's columns as SQL, and what they are computed from, as they come together."""

    columns: list[str] = field(default_factory=list[str])
    direct: list[str] = field(default_factory=list[str])
    """Aggregates over the history itself, in one pass."""
    tables: list[str] = field(default_factory=list[str])
    """Those that need the history grouped before, a SELECT each."""


def remember(connection: DuckDBPyConnection, n_texts: int, n_numbers: int) -> None:
    """Make the table `history`: the events before each point, with their `age` as seen from it."""
    properties = "".join([f", t{at}" for at in range(n_texts)] + [f", n{at}" for at in range(n_numbers)])
    # The only place where events meet points: nothing at a point or after it gets any further.
    connection.execute(
        f"""
        CREATE TABLE history AS
        SELECT point, points.moment - events.moment AS age, event{properties}
        FROM events JOIN points USING (entity) WHERE events.moment < points.moment
        """
    )


def names(connection: DuckDBPyConnection, most: int) -> list[str]:
    """The commonest names of events before the points."""
    query = "SELECT event FROM history WHERE event IS NOT NULL GROUP BY event ORDER BY count(*) DESC, event LIMIT ?"
    return [name for (name,) in connection.execute(query, [most]).fetchall()]


def numeric(connection: DuckDBPyConnection, properties: Sequence[str]) -> list[str]:
    """Those of the properties that are numbers in all events before the points, where they are there at all."""
    if not properties:
        return []
    tests = [f"count(n{at}) > 0 AND count(n{at}) = count(t{at})" for at in range(len(properties))]
    [held] = connection.execute(f"SELECT {', '.join(tests)} FROM history").fetchall()
    return [name for name, holds in zip(properties, held, strict=True) if holds]


def rows(
    connection: DuckDBPyConnection,
    features: Sequence[Aggregate],
    windows: Sequence[Window],
    keys: Keys,
    entity: str,
    label: tuple[str, str] | None,
) -> Iterator[pa.RecordBatch]:
    """The rows in order: the entity, `at`, the features, and the label (its name and SQL type)."""
    query = _Query()
    for feature in features:
        for name, column in zip(feature.columns(windows), _columns(feature, windows, keys, query), strict=True):
            query.columns.append(f"{column} AS {named(name)}")
    if query.direct:
        query.tables.insert(0, f"SELECT point, {', '.join(query.direct)} FROM history GROUP BY point")
    joined = "".join(f" LEFT JOIN ({table}) AS s{at} USING (point)" for at, table in enumerate(query.tables))
    answer = [f"CAST(label AS {label[1]}) AS {named(label[0])}"] if label else []
    columns = [f"entity AS {named(entity)}", 'make_timestamp(points.moment) AS "at"', *query.columns, *answer]
    result = connection.sql(f"SELECT {', '.join(columns)} FROM points{joined} ORDER BY point")
    yield from result.to_arrow_reader(GROUP_ROWS)


def _columns(feature: Aggregate, windows: Sequence[Window], keys: Keys, query: _Query) -> list[str]:
    """The SQL of the feature's columns; what they need is added to the query."""
    direct: list[str] = []
    match feature.function:
        case "count":
            direct = [f"count(*){_filter(feature, window)}" for window in windows]
        case "sum":
            number = f"n{keys.numbers.index(str(feature.prop))}"
            direct = [f"CAST(sum({number}){_filter(feature, window)} AS DOUBLE)" for window in windows]
        case "mean":
            number = f"n{keys.numbers.index(str(feature.prop))}"
            direct = [
                f"CAST(sum({number}){_filter(feature, window)} AS DOUBLE) / count({number}){_filter(feature, window)}"
                for window in windows
            ]
        case "min" | "max":
            number = f"n{keys.numbers.index(str(feature.prop))}"
            direct = [f"CAST({feature.function}({number}){_filter(feature, window)} AS DOUBLE)" for window in windows]
        case "recency":
            direct = [f"min(age){_filter(feature)} / {DAY}.0::DOUBLE"]
        case "last":
            text = f"t{keys.texts.index(str(feature.prop))}"
            # Of several at the same time the greatest, or the order of the lines would show.
            where = _filter(feature, None, f"{text} IS NOT NULL")
            direct = [f"max(struct_pack(nearness := -age, found := {text})){where}.found"]
        case "distinct":
            return _grouped(feature, windows, f"t{keys.texts.index(str(feature.prop))}", query)
        case "active_days":
            return _grouped(feature, windows, f"(age - 1) // {DAY}", query)
        case _:
            return _sessions(feature, windows, query)
    first = len(query.direct)
    query.direct += [f"{one} AS d{first + at}" for at, one in enumerate(direct)]
    zero = feature.function in ("count", "sum")
    return [f"coalesce(d{first + at}, 0)" if zero else f"d{first + at}" for at in range(len(direct))]


def _grouped(feature: Aggregate, windows: Sequence[Window], value: str, query: _Query) -> list[str]:
    """How many different values: a value is in a window when the youngest event that has it is."""
    where = _where(feature, None, f"{value} IS NOT NULL")
    youngest = f"SELECT point, {value} AS value, min(age) AS age FROM history {where} GROUP BY point, value"
    at = len(query.tables)
    counts = [f"count(*){_filter(None, window)} AS g{at}_{nth}" for nth, window in enumerate(windows)]
    query.tables.append(f"SELECT point, {', '.join(counts)} FROM ({youngest}) GROUP BY point")
    return [f"coalesce(g{at}_{nth}, 0)" for nth in range(len(windows))]


def _sessions(feature: Aggregate, windows: Sequence[Window], query: _Query) -> list[str]:
    """Number and mean minutes of the runs of events without a longer gap, which end within the window."""
    order = "PARTITION BY point ORDER BY age DESC"
    starts = f"coalesce(lag(age) OVER ({order}) - age > {feature.gap}, true)"
    numbered = (
        f"SELECT point, age, count(*) FILTER (starts) OVER ({order} ROWS UNBOUNDED PRECEDING) AS session"
        f" FROM (SELECT point, age, {starts} AS starts FROM history)"
    )
    each = f"SELECT point, min(age) AS age, max(age) - min(age) AS length FROM ({numbered}) GROUP BY point, session"
    at = len(query.tables)
    made: list[str] = []
    for nth, window in enumerate(windows):
        within = _filter(None, window)
        made.append(f"count(*){within} AS g{at}_{nth}")
        made.append(f"CAST(sum(length){within} AS DOUBLE) / count(*){within} / {60 * SECOND} AS m{at}_{nth}")
    query.tables.append(f"SELECT point, {', '.join(made)} FROM ({each}) GROUP BY point")
    return [column for nth in range(len(windows)) for column in (f"coalesce(g{at}_{nth}, 0)", f"m{at}_{nth}")]


def _filter(feature: Aggregate | None, window: Window | None = None, also: str = "") -> str:
    """The aggregate's clause for the feature's events that are in the window."""
    where = _where(feature, window, also)
    return f" FILTER ({where})" if where else ""


def _where(feature: Aggregate | None, window: Window | None, also: str = "") -> str:
    conditions = [f"event = {quoted(feature.event)}"] if feature and feature.event is not None else []
    conditions += [f"age <= {window.length}"] if window and window.length is not None else []
    conditions += [also] if also else []
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""
