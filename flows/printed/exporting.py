"""What `keepfit export` prints."""

from __future__ import annotations

from tasks.exports.packages import Manifest


class Export(Manifest):
    """The folder's manifest (`keepfit.json`), and where it is."""

    output: str
    seconds: float
