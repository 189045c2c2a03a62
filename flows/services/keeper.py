"""A process that ends what a `keepfit up` started when that was killed: `python -m flows.services.keeper TOKEN`.

The end of its standard input without a word means that.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress

from flows.services import marked

GRACE_SECONDS = 5.0
BYE = b"bye"


def start(token: str) -> subprocess.Popen[bytes]:
    """A keeper; `dismiss` it when there is nothing left to end."""
    command = [sys.executable, "-P", "-m", "flows.services.keeper", token]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def dismiss(keeper: subprocess.Popen[bytes]) -> None:
    """Let the keeper go without ending anything."""
    with suppress(BrokenPipeError):
        keeper.communicate(BYE, timeout=5)


def main() -> None:
    """Wait for the end of standard input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() != BYE:
        marked.end(sys.argv[1], GRACE_SECONDS)


if __name__ == "__main__":
    main()
