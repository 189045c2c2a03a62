"""A reference as bytes and back: numpy arrays and JSON in one compressed file; no pickle, no code."""

from __future__ import annotations

import datetime
import io
import json
import zipfile

import numpy as np

from tasks.core.errors import DataError
from tasks.monitoring.cells import Cells
from tasks.monitoring.daily import Daily
from tasks.monitoring.reference import Reference

MAGIC = b"keepfit reference 1\n"


def to_bytes(reference: Reference) -> bytes:
    """The profile as bytes; the same profile gives the same bytes."""
    cells, total = reference.cells, reference.total
    words = {
        "names": cells.names,
        "levels": cells.levels,
        "rare": cells.rare,
        "n_rows": total.n_rows,
        "days": [day.isoformat() for day in reference.days],
    }
    file = io.BytesIO()
    np.savez_compressed(
        file,
        allow_pickle=False,
        words=np.frombuffer(json.dumps(words).encode(), np.uint8),
        edges=np.concatenate([np.empty(0), *cells.edges]),
        lengths=np.array([len(each) for each in cells.edges], np.int64),
        shares=cells.shares,
        counts=total.counts,
        products=total.products,
        days=np.array(list(reference.days.values())),
    )
    return MAGIC + file.getvalue()


def from_bytes(content: bytes) -> Reference:
    """The profile that was written so. Raises DataError where the bytes are none, or of another version."""
    try:
        if not content.startswith(MAGIC):
            raise ValueError(repr(content[: len(MAGIC)]))
        with np.load(io.BytesIO(content[len(MAGIC) :]), allow_pickle=False) as arrays:
            words = json.loads(arrays["words"].tobytes())
            edges = np.split(arrays["edges"], np.cumsum(arrays["lengths"])[:-1]) if len(arrays["lengths"]) else []
            levels, rare = (tuple(tuple(each) for each in words[key]) for key in ("levels", "rare"))
            cells = Cells(tuple(words["names"]), tuple(edges), levels, rare, arrays["shares"])
            total = Daily(None, words["n_rows"], arrays["counts"], arrays["products"])
            days = [datetime.date.fromisoformat(day) for day in words["days"]]
            return Reference(cells, total, dict(zip(days, arrays["days"], strict=True)))
    except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile) as exc:
        raise DataError(
            "A reference profile cannot be read",
            expected="the bytes of a keepfit reference, version 1",
            found=f"{len(content)} other or damaged bytes",
            action="Train again, which writes a new one",
        ) from exc
