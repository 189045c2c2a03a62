"""The reference of each model, found again by the digest of its ONNX file: `references/<digest>.json` in the home."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tasks.core import memory, store
from tasks.core.errors import Unavailable
from tasks.core.records import Blob, Dataset, Record
from tasks.monitoring.least import Least

GIVEN = "__given__"
"""What really was, of a row of the reference: the value, or the class's place."""


class ReferenceProfile(Record):
    """What live rows of one model are compared with.

    `profile` is the drift reference (`profile.to_bytes`), `facts` what incidents are told by, as JSON. `views` are
    the rows behind them, as views, with `__given__`, and with `__time__` where they have dates. `least` are the
    smallest shifts that a window of a usual size shows.
    """

    profile: Blob
    facts: Blob
    views: Dataset
    n_rows: int
    n_days: int
    false_alarms: float
    promise: str
    least: tuple[Least, ...]


def keep(digest: str, profile: ReferenceProfile) -> None:
    """Let the reference be found by the model's digest, before the model may serve."""
    _file(digest).parent.mkdir(exist_ok=True)
    store.write_file(_file(digest), profile.model_dump_json(indent=1).encode())


def known(digest: str) -> ReferenceProfile:
    """The reference of the model; Unavailable when it has none, or a file of it is gone."""
    try:
        found = ReferenceProfile.model_validate_json(_file(digest).read_bytes())
    except FileNotFoundError:
        raise _without(digest, "none: it was trained before there was monitoring, or elsewhere") from None
    except ValidationError as exc:
        raise _without(digest, "a damaged record") from exc
    if not memory.is_whole(found):
        raise _without(digest, "a record whose files are not in the store any more")
    return found


def _file(digest: str) -> Path:
    return store.home() / "references" / f"{digest}.json"


def _without(digest: str, found: str) -> Unavailable:
    return Unavailable(
        f"The model {digest[:12]} cannot be watched",
        expected="a reference of the rows that it was trained on",
        found=found,
        action="Run `keepfit train` again: it makes one, and an unchanged model is not trained anew for it",
    )
