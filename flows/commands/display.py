"""What a person sees while a flow runs: one line a step with its time, and what the running one is at."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flows.colours import is_terminal, painted
from tasks.core import progress

WIDTH = 14


class Display:
    """Steps on stderr: a live line on a terminal, plain lines elsewhere; nothing when quiet."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._live = not quiet and is_terminal(sys.stderr)
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """A line of its own."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def advance(self, step: str, text: str, done: int, total: int | None) -> None:
        """A step started (0 of unknown), is at something, or ended (all of it)."""
        elapsed = time.monotonic() - self._started
        if total is not None and done >= total and (text == "remembered" or text.endswith(" s")):
            self._clear()
            took = painted(f"{text:>10}", "dim" if text == "remembered" else "green", sys.stderr)
            self.say(f"  {step.replace('_', ' '):<{WIDTH}} {took}   {elapsed:6.1f} s")
        elif self._live:
            share = f" {done}/{total}" if total else ""
            line = f"  {step.replace('_', ' '):<{WIDTH}} {elapsed:6.1f} s  {text}{share}"
            print(f"\r\033[K{line[: _width() - 1]}", end="", file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr)


def _width() -> int:
    """The terminal's, now: a longer line would wrap, and could not be cleared."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80  # a new pseudo-terminal has none
    except OSError:
        return 80


@contextmanager
def progress_display(quiet: bool) -> Iterator[Display]:
    """A display that the steps tell of their progress."""
    display = Display(quiet)
    token = progress.listener.set(display.advance)
    try:
        yield display
    finally:
        progress.listener.reset(token)
