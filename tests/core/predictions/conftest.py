"""A project's prediction log in a new home, and rows of every type of column to put into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.core.predictions import layout
from tasks.core.predictions.segment import Header
from tasks.core.records import Column, ColumnType

TYPES: tuple[ColumnType, ...] = ("number", "integer", "boolean", "text", "date", "image")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the project `shop` in the home `tmp_path`."""
    return layout.folder_of(tmp_path, "shop")


@pytest.fixture
def header() -> Callable[..., Header]:
    def make(prefix: str = "a1b2c3", **changes: Any) -> Header:
        columns = tuple(Column(name=kind, type=kind, n_missing=0) for kind in TYPES)
        facts: dict[str, Any] = {"role": "champion", "problem": "binary", "classes": ("no", "yes"), "columns": columns}
        facts |= {"project": "shop", "version": "3", "digest": "5f" * 32, "prefix": prefix}
        return Header(**(facts | changes))

    return make
