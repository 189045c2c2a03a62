"""What of a column's values incidents are told by: their quantiles, sizes, shapes and codes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

GRID: tuple[float, ...] = (0, 0.005, 0.02, *(round(0.05 * k, 2) for k in range(1, 20)), 0.98, 0.995, 1)
"""The shares at which quantiles are kept."""
INNER = slice(3, -3)
"""The quantiles of 0.05 to 0.95: further out they are noise."""
LOOSE = 0.15
"""By how much log10 |x| may be off at a quantile, besides the sampling error."""
FEWEST = 20
"""Values that a distribution is compared by."""
Floats = npt.NDArray[np.float64]
_P = np.array(GRID)


def numbers(values: pl.Series) -> Floats:
    """The finite values as floats: moments as seconds, texts as their lengths."""
    if values.dtype.is_temporal():
        values = seconds(values)
    elif values.dtype == pl.String:
        values = values.str.len_chars()
    found = values.cast(pl.Float64, strict=False).drop_nulls().to_numpy()
    return found[np.isfinite(found)]


def seconds(moments: pl.Series) -> pl.Series:
    """Moments as seconds since 1970."""
    return moments.cast(pl.Datetime("us")).dt.epoch("us") / 1e6


def sizes(values: Floats) -> Floats:
    """log10 |x| of what is not 0."""
    return np.log10(np.abs(values[values != 0]))


def decimals(values: Floats) -> int | None:
    """How many digits behind the point 99 % of the values have at most; None where that is more than five."""
    return next((digits for digits in range(6) if on_grid(values, digits).mean() >= 0.99), None)


def on_grid(values: Floats, digits: int, slack: float = 0.0) -> npt.NDArray[np.bool_]:
    """Which values have no more digits behind the point than so many, give or take `slack` of the last one."""
    scaled = values * 10.0**digits
    return np.abs(scaled - np.round(scaled)) <= slack + 1e-7 * np.maximum(np.abs(scaled), 1)


def at_grid(values: Floats) -> Floats:
    """The quantiles at GRID."""
    return np.quantile(values, GRID) if len(values) else np.empty(0)


def shape(values: pl.Series) -> pl.Series:
    """Texts with their letters as a, and their digits as 9, runs of these as one."""
    return values.str.replace_all(r"\p{L}+", "a").str.replace_all(r"\d+", "9")


def is_garbled(values: pl.Series) -> pl.Series:
    """Whether a text was read in another encoding than it was written in."""
    return values.str.contains(
        "[\u00c2\u00c3][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u2013-\u2122]|\u00e2\u20ac|\ufffd"
    )


def reads_as_number(values: pl.Series) -> pl.Series:
    """Whether a text is a number, with a decimal point or comma."""
    return values.str.contains(r"^\s*[-+]?[$€£]?\d[\d., ]*(?:[eE][-+]?\d+)?\s*%?$")


def as_text(values: pl.Series) -> pl.Series:
    """A category's values as its levels are kept."""
    return values.cast(pl.String, strict=False)


def sampling_error(known: Floats, n_window: int, n_reference: int) -> Floats:
    """The standard error of the difference of two samples' quantiles."""
    slope = np.gradient(known, _P)
    error = np.sqrt(_P * (1 - _P) * (1 / n_window + 1 / n_reference)) * np.abs(slope)
    return np.asarray(error, np.float64)
