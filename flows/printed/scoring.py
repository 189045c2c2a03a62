"""What scoring a batch prints."""

from __future__ import annotations

from tasks.batch_scoring.scored import Scored


class Score(Scored):
    """A batch, with its run in Prefect."""

    seconds: float
    prefect: str
