"""The section `score:` of project.yaml: rows to be scored in batches, where answers go, and whether they are logged."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.core.records import Record
from tasks.outputs import Output
from tasks.sources import Source
from tasks.sources.joined import Joined


class Score(Record):
    """What is scored. Each part may also be said when it is run."""

    source: Annotated[Source | Joined, Field(discriminator="kind")] | None = None
    """By default the project's own: a table that grows has rows whose answer is not known yet."""
    output: Output | None = None
    """By default the folder `scores/<project>` in keepfit's home."""
    log: bool = False
    """Whether the rows reach the prediction log, so that monitoring sees them. Off: rows of a database are there
    already, and whoever scores the same table each night would look at the same people again and again."""


class Wanted(Record):
    """The same with nothing left open."""

    source: Annotated[Source | Joined, Field(discriminator="kind")]
    output: Output
    log: bool
