"""Colours for a person at a terminal; none in a file or a pipe, where `NO_COLOR` is set, or on a dumb terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO

CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at it, on something that understands more than lines."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def painted(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in that colour, where the stream (standard output) shows any."""
    if os.environ.get("NO_COLOR") or not is_terminal(stream or sys.stdout):
        return text
    return f"\033[{CODES[colour]}m{text}\033[0m"


def painted_diff(lines: Iterable[str]) -> list[str]:
    """The lines of a diff, what comes in green and what goes in red."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return [painted(line, colours[line[0]]) if line[:1] in colours else line for line in lines]
