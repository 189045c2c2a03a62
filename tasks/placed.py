"""What project.yaml says, with each path in it taken from the project's folder."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, cast

from tasks.core import secrets
from tasks.core.errors import ProjectError
from tasks.outputs import spoken

PATHS = ("path", "labels")
"""The keys of a source that name files; they are relative to the project's folder."""


def placed(said: dict[str, Any], folder: Path) -> dict[str, Any]:
    """`said` with the paths of its sources, and of what is written, absolute; ProjectError for one that cannot be."""
    found = {**said}
    if "source" in said:
        found["source"] = _placed(_source(said["source"]), folder)
    if isinstance(score := said.get("score"), dict):
        score = cast("dict[str, Any]", score)
        if "source" in score:
            score = {**score, "source": _source(score["source"])}
        if "output" in score:
            score = {**score, "output": spoken(score["output"])}
        found["score"] = _placed(score, folder)
    return found


def _source(said: Any) -> Any:
    if isinstance(said, str):
        # `source: passengers.csv` says all that there is to say.
        return {"kind": Path(said).suffix.removeprefix("."), "path": said}
    return {"kind": "joined", "sources": said} if isinstance(said, list) else said


def _placed(value: Any, folder: Path, key: str = "") -> Any:
    """A part of `source:` with each path absolute, and all variables known; what else they hold is read at use."""
    if isinstance(value, dict):
        inner = cast("dict[Any, Any]", value).items()
        # A feature may be called `path`.
        return {name: item if name == "features" else _placed(item, folder, str(name)) for name, item in inner}
    if isinstance(value, list):
        return [_placed(item, folder, key) for item in cast("list[Any]", value)]
    if not isinstance(value, str):
        return value
    secrets.require(value)
    if key not in PATHS or "://" in value:
        return value
    place = folder / Path(secrets.resolved(value)).expanduser()
    try:
        place.lstat()
    except (OSError, ValueError) as exc:
        # Whether a file is there is for the source to say, and a pattern is none; but it must be possible.
        if isinstance(exc, ValueError) or exc.errno == errno.ENAMETOOLONG:
            raise ProjectError(
                f"project.yaml: {key} {value[:60]!r} cannot be the name of a file",
                expected="a path relative to project.yaml",
                found=str(exc.strerror if isinstance(exc, OSError) else exc),
            ) from exc
    return str(place)
