"""Where rows come from: one class a kind. The union is the registry, the schema of `source:` and its error text.

A source is a frozen record with `kind`, a `title` for messages, and `batches(intake)`: the rows in order as Arrow
record batches of one schema in keepfit's types (`core/arrow.py`), streamed so that memory stays flat. The intake
(`core/intake.py`) says where to go on from, and is told how far the source came and what was no row.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.sources.audio import Audio
from tasks.sources.csv import Csv
from tasks.sources.events import Events
from tasks.sources.http import Http
from tasks.sources.images import Images
from tasks.sources.jsonl import Jsonl
from tasks.sources.parquet import Parquet
from tasks.sources.sql import Sql

Source = Annotated[Audio | Csv | Events | Http | Images | Jsonl | Parquet | Sql, Field(discriminator="kind")]

__all__ = ["Audio", "Csv", "Events", "Http", "Images", "Jsonl", "Parquet", "Source", "Sql"]
