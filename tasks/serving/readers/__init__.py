"""The bodies of a prediction, one file a kind: what each holds, and how it is answered. The registry is READERS."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.serving.readers import arrow, form, json_rows, media, parquet
from tasks.serving.readers.reader import Reader

READERS: Mapping[str, Reader] = {
    **json_rows.READERS,
    **arrow.READERS,
    **parquet.READERS,
    **form.READERS,
    **media.READERS,
}
"""By content type."""

ANSWERS = (arrow.STREAM,)
"""The kinds of answers that a request may ask for by `accept`, besides JSON."""
