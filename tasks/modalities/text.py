"""Texts: a language's words, pieces of words and neighbours as counts, and figures on how the text is written.

Nothing is known of any language beforehand: the terms that are counted are chosen from the training rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.records import Dataset, Feature, Note
from tasks.modalities import words
from tasks.modalities.modality import Modality, View, Wants, dropped
from tasks.modalities.vocabulary import vocabulary

if TYPE_CHECKING:
    import polars as pl

LANGUAGE = 5
"""Words in the middle one of a column's texts from which they are language; a name or an address has fewer."""
TERMS, LEAST_TERMS = 2_000, 200
CELLS = 60_000_000
"""Of the matrix, half a gigabyte: many rows have fewer terms."""
LOOKED_AT = 10_000_000
"""Characters that the terms are chosen from, in rows from all over; some seconds."""
COMPONENTS = 48
WEIGHT = 5.0
"""Of a text's terms together, where a figure's is 1: with it a penalty of 1, the first that is tried, is near the best
one for short messages (C = 0.1 to 1)."""


class Text(Modality):
    """A text as counts of terms, and figures on its writing."""

    kind = "text"
    column_type = "text"
    strange = (0.0, 1_000.0)
    watched = (*words.WATCHED, "unseen words")

    def feature(self, train: Dataset, column: str, expression: str | None) -> Feature | Note:
        values = present(train, column)
        if not len(values):
            return dropped(column, train.n_rows, "has no text in the training rows")
        most = min(TERMS, max(LEAST_TERMS, CELLS // max(train.n_rows, 1)))
        terms = vocabulary(_some(values), most)
        return Feature(
            name=column,
            kind=self.kind,
            width=len(words.FIGURES) + len(terms),
            settings=json.dumps({"terms": terms}, ensure_ascii=False),
            expression=expression,
            reason=f"language, as counts of {len(terms):,} terms and {len(words.FIGURES)} figures",
        )

    def encoder(self, feature: Feature) -> Callable[[Any], View]:
        import numpy as np

        n_figures = len(words.FIGURES)
        terms = json.loads(feature.settings)["terms"]
        columns = words.reader({term: n_figures + number for number, term in enumerate(terms)})

        def encode(value: Any) -> View:
            if value is None or value == "":
                return np.full(feature.width, np.nan)
            require_text(value, feature)
            found = words.words(value)
            counts = np.bincount(columns(found), minlength=feature.width).astype(np.float64)
            counts[:n_figures] = words.figures(value, found)
            return counts

        return encode

    def drift_view(self, feature: Feature, values: pl.Series) -> View:
        return words.watched(values, json.loads(feature.settings)["terms"])

    def front(self, feature: Feature, wants: Wants, seed: int) -> Any:
        import numpy as np
        from sklearn.compose import ColumnTransformer
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, StandardScaler

        n_figures = len(words.FIGURES)
        n_terms = feature.width - n_figures
        parts = figure_parts()
        if n_terms:
            # A missing text has no words.
            none = SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True)
            weighted = make_pipeline(none, FunctionTransformer(np.log1p), TfidfTransformer())
            if wants == "compact" and n_terms > COMPONENTS:
                components = TruncatedSVD(COMPONENTS, random_state=seed)
                weighted = make_pipeline(weighted, components, StandardScaler())
            parts.append(("terms", weighted, list(range(n_figures, feature.width))))
        weights = {"terms": WEIGHT} if wants == "wide" else None
        return ColumnTransformer(parts, sparse_threshold=0.0, transformer_weights=weights)


def figure_parts() -> list[tuple[str, Any, list[int]]]:
    """Transformers of the figures, which come first; the first of all says with them whether the text is missing."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    first = SimpleImputer(keep_empty_features=True, add_indicator=True)
    others = SimpleImputer(keep_empty_features=True)
    return [
        ("first", make_pipeline(first, StandardScaler()), [0]),
        ("figures", make_pipeline(others, StandardScaler()), list(range(1, len(words.FIGURES)))),
    ]


def is_language(values: pl.Series) -> bool:
    """Whether these texts read as sentences do, not as names or codes."""
    present = values.drop_nulls()
    counts = present.filter(present != "").str.slice(0, words.CHARACTERS).str.count_matches(words.WORDS)
    middle = counts.median()
    return isinstance(middle, (int, float)) and middle >= LANGUAGE


def present(rows: Dataset, column: str) -> pl.Series:
    """The texts that are there."""
    import polars as pl

    return store.scan(rows).select(column).filter(pl.col(column) != "").collect()[column]


def require_text(value: Any, feature: Feature) -> None:
    """DataError for a value that is no text."""
    if not isinstance(value, str):
        raise DataError(
            f"Feature {feature.name!r} cannot be read",
            expected="text",
            found=repr(value)[:60],
            action="Send a text, or None for a missing one",
        )


def _some(values: pl.Series) -> pl.Series:
    """All texts, or when they are long or many, some from all over."""
    import polars as pl

    lengths = values.str.len_chars().clip(upper_bound=words.CHARACTERS).cast(pl.Int64)
    total = int(lengths.sum())
    return values.gather_every(-(-total // LOOKED_AT)) if total > LOOKED_AT else values
