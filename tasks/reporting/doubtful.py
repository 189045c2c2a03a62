"""What looks wrong in the rows, as lines of tables: each with examples and the values that say which row it is."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import polars as pl
from markupsafe import Markup, escape

from tasks.core import store
from tasks.core.figures import figure, percent
from tasks.core.model_records import Importance
from tasks.core.noise import LabelAudit, Noise, Oddity
from tasks.core.records import CheckedDataset, Splits, is_provenance

MOST_LABELS = 20
MOST_COLUMNS = 4
MOST_LETTERS = 80
THUMBNAIL = 48

Example = tuple[int, str, str]


def oddities(noise: Noise) -> list[tuple[Oddity, list[Example]]]:
    """Each oddity with examples: the row's number, its value, and others of its values."""
    found: dict[int, list[Example]] = {}
    if noise.rows is not None:
        for number, row, value, others in pl.read_parquet(store.path(noise.rows)).iter_rows():
            found.setdefault(number, []).append((row, value, _listed(others)))
    return [(each, found.get(number, [])) for number, each in enumerate(noise.oddities)]


def groups(noise: Noise) -> list[tuple[str, str]]:
    """Groups of rows that contradict each other: their answers, and the inputs that all of them have."""
    if noise.groups is None:
        return []
    told: dict[int, tuple[list[str], str]] = {}
    for group, answer, n_rows, inputs in pl.read_parquet(store.path(noise.groups)).iter_rows():
        answers, _ = told.setdefault(group, ([], _listed(inputs)))
        answers.append(f"{answer} ({n_rows:,} {'row' if n_rows == 1 else 'rows'})")
    return [(", ".join(answers), inputs) for answers, inputs in told.values()]


def labels(
    audit: LabelAudit, checked: CheckedDataset, splits: Splits, importances: Sequence[Importance]
) -> tuple[list[str], list[list[str | Markup]]]:
    """The most doubtful answers: the names of the columns shown, those that matter most first, and the rows' cells."""
    if audit.rows is None:
        return [], []
    rows = pl.read_parquet(store.path(audit.rows)).head(MOST_LABELS)
    types = {column.name: column.type for column in checked.dataset.columns}
    worth = {each.feature: each.value for each in importances}
    columns = [name for name in rows.columns if name in types and name != splits.target.name]
    shown = sorted(columns, key=lambda name: (not is_provenance(name), -worth.get(name, float("-inf"))))[:MOST_COLUMNS]
    sure = percent if splits.target.problem != "regression" else figure
    cells: list[list[str | Markup]] = []
    for row in rows.iter_rows(named=True):
        number = "" if row["row"] is None else f"{row['row']:,}"
        values = [_cell(row[name], types[name] == "image") for name in shown]
        cells.append([number, row["given"], row["likely"], sure(row["confidence"]), *values])
    return shown, cells


def _listed(values: str) -> str:
    return "; ".join(f"{name}: {value}" for name, value in json.loads(values).items())


def _cell(value: Any, is_image: bool) -> str | Markup:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return (_thumbnail(value) if is_image else None) or f"{len(value):,} bytes"
    text = figure(value) if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"


def _thumbnail(data: bytes) -> Markup | None:
    """A small copy of the image within the page; None when it cannot be read."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            small = image.convert("RGB")
            small.thumbnail((THUMBNAIL, THUMBNAIL))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    target = io.BytesIO()
    small.save(target, "PNG")
    address = escape(f"data:image/png;base64,{b64encode(target.getvalue()).decode()}")
    return Markup(
        f'<svg class="thumbnail" width="{THUMBNAIL}" height="{THUMBNAIL}" viewBox="0 0 1 1" role="img" '
        f'aria-label="The image of the row"><image href="{address}" width="1" height="1"/></svg>'
    )
