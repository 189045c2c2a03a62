"""Real rows of a project as days, with their outcomes, and the same rows drifted: what came true is left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tasks.check import check
from tasks.collect import collect
from tasks.core import store, targets
from tasks.core.errors import DataError
from tasks.core.model_records import ModelCard
from tasks.core.records import BYTES
from tasks.monitoring.promise import LEAST_DAYS

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from tasks.project import Project

DAY, OFFSET = "__day__", "__offset__"
"""The columns of which day a row is, and how long after midnight it is asked."""
MOST_ROWS = 100_000
FEWEST_ROWS = 100
ROWS_A_DAY = 300
"""Of rows without dates."""
HIGH, SHARE = 0.95, 2 / 3
"""A number is moved up so far towards its high values: what is in range stays in it, and breaks no expectation."""
LOST = 1 / 3
"""Of the values: more than half would be an incident, and no drift."""
NOT_NULL = "expect_column_values_to_not_be_null"


@dataclass(frozen=True)
class Lived:
    """The newest rows that the training takes, in the order of time where they have dates: `time` is their column."""

    rows: pl.DataFrame
    time: str | None

    @classmethod
    def of(cls, project: Project) -> Lived:
        """Those of the source, which is read for it."""
        import polars as pl

        found = check.fn(collect.fn(project.source), project.expectations.raw, project.checking).dataset
        rows = store.scan(found).filter(pl.col(project.target).is_not_null()).tail(MOST_ROWS).collect()
        if rows.height < FEWEST_ROWS:
            few = f"at least {FEWEST_ROWS} with an outcome"
            raise DataError(f"{project.name} has too few rows to live days of", expected=few, found=f"{rows.height}")
        time = project.monitor.time or (project.split.column if project.split.by == "time" else None)
        dated = time is not None and rows.schema[time].is_temporal()
        return cls(rows.drop_nulls(time).sort(time) if dated and time else rows, time if dated else None)

    @property
    def rows_a_day(self) -> int:
        """How many are asked on a day."""
        if self.time is None:
            return min(ROWS_A_DAY, self.rows.height)
        return max(1, int(self.rows.group_by(self.rows[self.time].dt.date()).len()["len"].median() or 1))  # pyright: ignore

    def days(self, dates: Sequence[date], card: ModelCard, rng: np.random.Generator) -> list[pl.DataFrame]:
        """Rows for each date as the model is asked them, with the name of what came true and when each is asked.

        Dated rows are those of real days, the newest that begin with the same weekday, as if they came now. None comes
        twice on a day, for repeated rows are an incident.
        """
        import polars as pl

        days = self._sampled(len(dates), rng) if self.time is None else self._of_dates(self.time, dates)
        told = targets.answers(pl.col(card.target.name), self.rows.schema[card.target.name], card.target)
        return [day.select(*(column.name for column in card.inputs), told, OFFSET) for day in days]

    def _sampled(self, n_days: int, rng: np.random.Generator) -> list[pl.DataFrame]:
        import polars as pl

        n_rows = self.rows_a_day
        evenly = pl.Series(OFFSET, [timedelta(days=1) * (n / n_rows) for n in range(n_rows)])
        return [self.rows[rng.permutation(self.rows.height)[:n_rows]].with_columns(evenly) for _ in range(n_days)]

    def _of_dates(self, time: str, dates: Sequence[date]) -> list[pl.DataFrame]:
        import polars as pl

        kind, when, of = self.rows.schema[time], pl.col(time), self.rows[time].dt.date()
        known = sorted(of.unique())[:-1]  # the last one may not be whole
        starts = [n for n in range(len(known) - len(dates) + 1) if known[n].weekday() == dates[0].weekday()]
        since = pl.lit(timedelta()) if kind == pl.Date else when - when.dt.truncate("1d")
        asked = self.rows.with_columns(since.alias(OFFSET))
        return [
            asked.filter(of == real).with_columns(
                (pl.lit(day).cast(pl.Datetime("us")) + pl.col(OFFSET)).cast(kind).alias(time)
            )
            for real, day in zip(known[starts[-1] if starts else 0 :], dates, strict=False)
        ]


def drifted(
    days: list[pl.DataFrame], card: ModelCard, n_days: int, rng: np.random.Generator
) -> tuple[list[pl.DataFrame], str]:
    """The days' rows as they might come some time, and how in words, for a model whose reference has `n_days` dates.

    One with too few cannot know how much days differ, and sees only what never was: missing values where none were.
    """
    import polars as pl

    rows = pl.concat(each.with_columns(pl.lit(n).alias(DAY)) for n, each in enumerate(days))
    numbers = [column.name for column in card.inputs if column.type == "number"]
    if n_days >= LEAST_DAYS and numbers:
        found, how = _moved(rows, max(numbers, key=lambda name: rows[name].drop_nulls().n_unique()))
    elif whole := _never_missing(card):
        lost = pl.Series(rng.random(rows.height) < LOST)
        found = rows.with_columns(pl.when(~lost).then(pl.col(whole)).alias(whole))
        how = f"{whole} is missing in every third row, where it never was"
    else:
        found, how = _moved(rows, numbers[0]) if numbers else _of_half(rows, card)
    return [each.drop(DAY) for each in found.partition_by(DAY, maintain_order=True)], how


def _never_missing(card: ModelCard) -> str:
    """A column that always had a value, rather one that the model takes as it is; "" where each must have one."""
    plain = {feature.name for feature in card.features}
    demanded = [each.arguments.get("column") for each in card.expectations if each.type == NOT_NULL]
    whole = [each.name for each in card.inputs if each.n_missing == 0 and each.type not in BYTES]
    return min((name for name in whole if name not in demanded), key=lambda name: name not in plain, default="")


def _moved(rows: pl.DataFrame, name: str) -> tuple[pl.DataFrame, str]:
    import polars as pl

    values = rows[name]
    high = values.quantile(HIGH)
    moved = pl.col(name) + SHARE * (high - pl.col(name)).clip(lower_bound=0)
    found = rows.with_columns(moved.round(_decimals(values)).cast(values.dtype))
    return found, f"{name} is higher: {found[name].mean():.4g} in the mean, where it was {values.mean():.4g}"


def _decimals(values: pl.Series) -> int:
    """Digits behind the point that all values make do with: more of them would look like another unit."""
    known = values.drop_nulls().cast(float)
    return next((n for n in range(9) if (known.round(n) == known).all()), 15)


def _of_half(rows: pl.DataFrame, card: ModelCard) -> tuple[pl.DataFrame, str]:
    import polars as pl

    target = card.target
    if target.classes:
        kept = target.classes[: max(1, len(target.classes) // 2)]
        return rows.filter(pl.col(target.name).is_in(kept)), f"only rows of {', '.join(kept)} are asked"
    middle = rows[target.name].median()
    return rows.filter(pl.col(target.name) > middle), f"only rows with a {target.name} above {middle:.4g} are asked"
