"""Tables: what a model sees of each column, judged by the training rows alone.

Numbers, truth values and dates are features as they are; text is one when its values come again. A column that
can teach nothing (one value, an identifier, text that hardly repeats) is left out, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core.errors import DataError
from tasks.core.records import Feature, FeatureKind, Note, Treatment
from tasks.modalities.cycles import cycles_of

if TYPE_CHECKING:
    import polars as pl

MAX_LEVELS = 254
"""What a tree can hold as a native category beside missing; rarer values count as unknown, which trains that too."""
IDENTIFIER = 0.5
"""Text of which more than this share of values are different names rows, it does not describe them."""
COVERED = 0.5
"""The levels kept must describe at least this share of the rows that have a value."""
FEWEST_BUCKETS, MOST_BUCKETS, ROOM = 256, 16_384, 8
"""So much room that few values share a bucket: with 254 buckets, each a native category, models were worse than with
the commonest values alone, and with room and the target's means better (linear and boosting, 400 to 5,000 values)."""


def feature_or_note(values: pl.Series, expression: str | None) -> Feature | Note:
    """The feature that this column of training rows makes, or the reason why it makes none."""
    import polars as pl

    present = values.drop_nulls() if values.has_nulls() else values
    if len(present) == 0:
        return _dropped(values, "has no value in the training rows")
    if values.dtype == pl.Binary:
        return _dropped(values, "holds bytes, which a table's model does not read")
    if present.min() == present.max() and len(present) == len(values):
        return _dropped(values, f"is always {present[0]!r}")
    if values.dtype == pl.String:
        return _category(values, present, expression)
    kind, reason = _kind(values.dtype)
    return Feature(name=values.name, kind=kind, expression=expression, reason=reason)


def comes_again(values: pl.Series) -> bool:
    """Whether values describe rows rather than name them."""
    present = values.drop_nulls()
    return 0 < present.n_unique() <= IDENTIFIER * len(present)


def hashed(values: pl.Series, expression: str | None, why: str) -> Feature | Note:
    """The column as a category of many buckets; the checksum of a value says into which it falls."""
    _require_category(values)
    n_different = values.drop_nulls().n_unique()
    if n_different == 0:
        return _dropped(values, "has no value in the training rows")
    buckets = min(MOST_BUCKETS, max(FEWEST_BUCKETS, ROOM * n_different))
    reason = f"{why}; {n_different:,} different values in {buckets:,} buckets"
    treatment = Treatment(encode="hash", buckets=buckets)
    return Feature(name=values.name, kind="category", expression=expression, reason=reason, treatment=treatment)


def forced_category(values: pl.Series, expression: str | None) -> Feature | Note:
    """The column as a category because the project says so, however many values it has; of numbers and truths too."""
    import polars as pl

    _require_category(values)
    present = values.drop_nulls().cast(pl.String)
    levels = [(text, n_rows) for text, n_rows in _commonest(present) if n_rows > 1]
    if not levels:
        return _dropped(values, "has no value that comes twice")
    n_different = present.n_unique()
    reason = f"said to be a category; {n_different:,} different values"
    if len(levels) < n_different:
        reason += f", of which {n_different - len(levels):,} count as unknown"
    names = tuple(text for text, _ in levels)
    return Feature(name=values.name, kind="category", levels=names, expression=expression, reason=reason)


def cyclic(values: pl.Series) -> list[Feature]:
    """The dates as their places in cycles alone; nothing when they cover none twice, or are no dates."""
    if not values.dtype.is_temporal() or not (cycles := cycles_of(values)):
        return []
    reason = f"what the rows are split by: its place in the {' and the '.join(cycles)} alone"
    treatment = Treatment(cycles=cycles, trend=False)
    return [Feature(name=values.name, kind="date", reason=reason, treatment=treatment)]


def _require_category(values: pl.Series) -> None:
    import polars as pl

    if values.dtype.is_temporal() or values.dtype == pl.Binary:
        raise DataError(
            f"`columns` says that {values.name!r} is to be read as category",
            expected="texts, numbers or truth values",
            found=f"{values.dtype}",
            action="Take it out of `columns` in project.yaml",
        )


def _category(values: pl.Series, present: pl.Series, expression: str | None) -> Feature | Note:
    n_different = present.n_unique()
    if n_different > IDENTIFIER * len(present):
        return _dropped(values, f"has {n_different:,} different texts in {len(present):,} rows, like an identifier")
    levels = [(text, n_rows) for text, n_rows in _commonest(present) if n_rows > 1]
    covered = sum(n_rows for _, n_rows in levels) / len(present)
    if covered < COVERED:
        reason = f"has {n_different:,} different texts, and the commonest {MAX_LEVELS} are {covered:.0%} of the rows"
        return _dropped(values, reason)
    reason = f"text with {n_different:,} different values"
    if len(levels) < n_different:
        reason += f"; the {n_different - len(levels):,} rarest ({1 - covered:.1%} of rows) count as unknown"
    names = tuple(text for text, _ in levels)
    return Feature(name=values.name, kind="category", levels=names, expression=expression, reason=reason)


def _commonest(present: pl.Series) -> list[tuple[str, int]]:
    """The values that come most often, and how often."""
    counted = present.alias("text").value_counts(name="n_rows")
    # Ties in the order of the text, or the codes would differ from run to run.
    commonest = counted.sort(["n_rows", "text"], descending=[True, False]).head(MAX_LEVELS)
    return [(str(text), int(n_rows)) for text, n_rows in commonest.rows()]


def _kind(dtype: pl.DataType) -> tuple[FeatureKind, str]:
    import polars as pl

    if dtype == pl.Boolean:
        return "boolean", "true or false"
    if dtype.is_temporal():
        return "date", "dates, as days since 1970"
    return "number", "whole numbers" if dtype.is_integer() else "numbers"


def _dropped(values: pl.Series, why: str) -> Note:
    return Note(kind="dropped_column", column=values.name, n_rows=len(values), text=why)
