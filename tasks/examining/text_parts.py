"""Parts of texts as columns: words at fixed places and numbers, where a path or a note may give the answer away."""

from __future__ import annotations

import polars as pl

FRONT, BACK = 8, 4
"""Words looked at from either end."""
NUMBERS = 3
CHARACTERS = 300
"""From either end: no value costs more than some microseconds."""
_WORD = r"\p{L}+|\d+"
_NUMBER = r"-?\d+(?:[.,]\d+)*"
_THOUSANDS = r"(\d),(\d{3})\b"


def parts(values: pl.Series) -> list[pl.Series]:
    """The first and last words of each text, and its first numbers as numbers; none of a column without any."""
    text = pl.col("text")
    frame = values.rename("text").to_frame().lazy()
    frame = frame.select(front=text.str.head(CHARACTERS), back=text.str.tail(CHARACTERS))
    frame = frame.with_columns(
        front=pl.col("front").str.extract_all(_WORD),
        back=pl.col("back").str.extract_all(_WORD),
        numbers=pl.col("front").str.replace_all(_THOUSANDS, "$1$2").str.extract_all(_NUMBER),
    )
    words = [pl.col("front").list.get(i, null_on_oob=True).alias(f"front {i}") for i in range(FRONT)]
    words += [pl.col("back").list.get(-1 - i, null_on_oob=True).alias(f"back {i}") for i in range(BACK)]
    found = [
        pl.col("numbers")
        .list.get(i, null_on_oob=True)
        .str.replace(",", ".")
        .cast(pl.Float64, strict=False)
        .alias(f"{i}")
        for i in range(NUMBERS)
    ]
    return [part for part in frame.select(*words, *found).collect().iter_columns() if part.n_unique() > 1]
