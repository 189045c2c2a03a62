"""What kind of problem a target column poses, and its values as a model's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tasks.core.errors import DataError
from tasks.core.records import Problem, Target

if TYPE_CHECKING:
    import polars as pl

ProblemWish = Literal["classification", "binary", "multiclass", "regression"]

FEW = 20
"""Whole numbers of at most this many values are taken for classes."""
ROWS_PER_CLASS = 5
"""With fewer a class cannot be in training, validation and test."""


def inferred_target(values: pl.Series, wish: ProblemWish | None) -> Target:
    """The target of these values, none of which is missing; DataError when nothing can be learned from them."""
    import polars as pl

    name, n_rows, n_different = values.name, len(values), values.n_unique()
    if n_different < 2:
        found = f"{n_rows:,} times {values[0]!r}" if n_rows else "no value at all"
        raise DataError(
            f"Target {name!r} cannot be learned",
            expected="at least 2 different values",
            found=found,
            action="Check `target`, and what filled the column",
        )
    if values.dtype.is_temporal() or values.dtype == pl.Binary:
        raise DataError(f"Target {name!r} cannot be learned", expected="numbers or classes", found="dates or bytes")
    problem, reason = (wish, "as the project says") if wish else _problem(values, n_different)
    if problem == "regression":
        if not values.dtype.is_numeric():
            raise DataError(
                f"Target {name!r} cannot be a regression's", expected="numbers", found=f"text such as {values[0]!r}"
            )
        return Target(name=name, problem="regression", reason=reason)
    classes = _classes(values, n_different)
    kind: Problem = "binary" if n_different == 2 else "multiclass"
    if wish in ("binary", "multiclass") and wish != kind:
        raise DataError(f"Target {name!r} is not {wish}", found=f"{n_different} classes: {', '.join(classes[:5])}")
    return Target(name=name, problem=kind, classes=classes, reason=reason)


def answers(column: pl.Expr, dtype: pl.DataType, target: Target) -> pl.Expr:
    """The target's values as they stand in the splits: float64 for regression, else the name of the class."""
    import polars as pl

    if target.problem == "regression":
        return column.cast(pl.Float64)
    return _class_names(column, dtype)


def _class_names(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    import polars as pl

    if dtype.is_float():
        # 1.0 and 1 are the same class, named "1".
        whole = column.cast(pl.Int64, strict=False)
        return pl.when(whole.cast(pl.Float64) == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
    return column.cast(pl.String)


def _problem(values: pl.Series, n_different: int) -> tuple[ProblemWish, str]:
    n_rows = len(values)
    if not values.dtype.is_numeric():
        return "classification", f"{n_different} different values that are no numbers"
    whole = values.dtype.is_integer() or bool((values == values.round(0)).all())
    if n_different == 2 and whole:
        return "classification", "2 different whole numbers"
    if values.dtype.is_integer() and n_different <= FEW and n_different * 10 <= n_rows:
        return "classification", f"whole numbers, only {n_different} different ones in {n_rows:,} rows"
    return "regression", f"{'whole numbers' if whole else 'numbers'}, {n_different:,} different ones"


def _classes(values: pl.Series, n_different: int) -> tuple[str, ...]:
    import polars as pl

    name, n_rows = values.name, len(values)
    if n_different > n_rows / 2:
        raise DataError(
            f"Target {name!r} looks like an identifier",
            expected="classes that come again",
            found=f"{n_different:,} different values in {n_rows:,} rows",
            action="Name another column as `target`, or say `problem: regression` if it is a quantity",
        )
    frame = values.to_frame().select(_class_names(pl.col(name), values.dtype).alias("name"))
    counted = frame.group_by("name").len().sort("name")
    rare = counted.filter(pl.col("len") < ROWS_PER_CLASS)
    if len(rare):
        n_rare, label = rare["len"][0], rare["name"][0]
        raise DataError(
            f"Class {label!r} of target {name!r} is too rare",
            expected=f"at least {ROWS_PER_CLASS} rows of each class",
            found=f"{n_rare}" + (f", and {len(rare) - 1} more such classes" if len(rare) > 1 else ""),
            action="Collect more of it, merge it with another class, or leave its rows out",
        )
    return tuple(counted["name"].to_list())
