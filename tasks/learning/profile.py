"""What is known of the data and the machine before any model is fitted: what the families are asked about."""

from __future__ import annotations

import os

from tasks.core import store
from tasks.core.records import Splits
from tasks.modalities.front import COMPACT
from tasks.models.family import Profile

SKEWED = 0.5


def profile_of(splits: Splits) -> Profile:
    """What the families are asked about: the data's kind and size, and the machine's."""
    categories = [feature.n_codes for feature in splits.features if feature.kind == "category"]
    return Profile(
        n_rows=splits.train.n_rows,
        n_features=sum(min(feature.width, COMPACT) for feature in splits.features),
        n_categories=len(categories),
        n_levels=sum(categories),
        widest_category=max(categories, default=0),
        problem=splits.target.problem,
        n_classes=len(splits.target.classes),
        skewed_target=splits.target.problem == "regression" and _is_skewed(splits),
        cores=os.cpu_count() or 1,
        n_wide=sum(feature.kind in ("image", "sound") for feature in splits.features),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    )


def _is_skewed(splits: Splits) -> bool:
    """Never negative, and with a long right tail."""
    import polars as pl

    target = pl.col(splits.target.name).cast(pl.Float64)
    least, skew = store.scan(splits.train).select(target.min().alias("least"), target.skew()).collect().row(0)
    return least is not None and least >= 0 and skew is not None and skew > SKEWED
