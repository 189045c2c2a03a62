"""What can go wrong, as a tree; the command's exit code is the branch's.

KeepfitError
├── UsageError            2  the user's words are off: a project file, an option, a path
│   ├── ProjectError         project.yaml says something that cannot be
│   └── DataError            the data cannot be what the project says they are
├── Refused               3  a gate held: too many broken rows, a model that did not win
└── Unavailable           1  something that keepfit needs is away: a server, a disk, a package
    └── NotLogged            an answer could not be written to the prediction log, and must not be given

Every message is `<what failed, on which object>: expected X, found Y. <Next action>.`
"""

from __future__ import annotations

import errno
from collections.abc import Iterator

LONGEST = 1000
"""Characters of a part of the sentence: a file with the wrong delimiter has one column whose name is all of them."""


class KeepfitError(Exception):
    """A failure with a sentence for the user: what failed, what was expected and found, what to do next."""

    exit_code = 1

    def __init__(self, what: str, *, expected: str = "", found: str = "", action: str = "") -> None:
        self.what = what
        self.expected = expected
        self.found = found
        self.action = action
        super().__init__(what, expected, found, action)

    def __str__(self) -> str:
        what, expected, found, action = map(_short, (self.what, self.expected, self.found, self.action))
        facts = [f"expected {expected}"] if expected else []
        facts += [f"found {found}"] if found else []
        sentence = f"{what}: {', '.join(facts)}." if facts else f"{what}."
        return f"{sentence} {action.rstrip('.')}." if action else sentence


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


class UsageError(KeepfitError):
    """The user's words are off."""

    exit_code = 2


class ProjectError(UsageError):
    """project.yaml or expectations.yaml says something that cannot be."""


class DataError(UsageError):
    """The data cannot be what the project says they are."""


class Refused(KeepfitError):
    """A gate held; what served before still serves."""

    exit_code = 3


class Unavailable(KeepfitError):
    """Something that keepfit needs is away: a server, space on the disk, an optional package."""


_SPACE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file has reached the largest size that is permitted",
}


class NotLogged(Unavailable):
    """An answer could not be written to the prediction log, and must not be given; `error` is what the system said."""

    def __init__(self, what: str, error: OSError) -> None:
        full = _SPACE.get(error.errno or 0)
        found = full or error.strerror or str(error)
        action = (
            "Free space, and send the request again" if full else "See that the folder can be written, then try again"
        )
        super().__init__(what, expected="room to write", found=found, action=action)
        self.error = error


def causes(exc: BaseException | None) -> Iterator[BaseException]:
    """The exception, and what it came of, one after the other."""
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def is_full(exc: BaseException) -> bool:
    """Whether it says that the disk or a quota is full; SQLite says it in words of its own."""
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    return any(words in str(exc) for words in ("disk I/O error", "database or disk is full", "No space left"))
