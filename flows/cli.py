"""The `keepfit` command: what runs, and what a failure looks like.

Nothing heavy is imported here; each command's module is, when it is called.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module

from flows.arguments import parser
from flows.colours import painted
from tasks.core.errors import KeepfitError, Unavailable, causes, is_full

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> None:
    """Run the command that the arguments name and exit with its code: 0, 1 failed, 2 wrong use, 3 refused."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone, like `head`. Nothing more can be told, at the interpreter's end either.
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        code = 1
    sys.exit(code)


def _run(arguments: list[str] | None) -> int:
    options = None
    try:
        options = parser().parse_args(arguments)
        return import_module(f"flows.commands.{options.command}").run(options)
    except SystemExit as exc:  # by --help, --version and wrong use
        return exc.code if isinstance(exc.code, int) else 0
    except KeyboardInterrupt:
        sentence = "Interrupted: what was finished is kept; the same command again goes on from there."
        return _told(sentence, INTERRUPTED, options)
    except BrokenPipeError:
        raise
    except Exception as exc:
        if options is None or options.debug:
            raise
        if isinstance(exc, KeepfitError):
            return _told(str(exc), exc.exit_code, options)
        return _told(_in_words(exc), 1, options)


def _told(sentence: str, code: int, options: argparse.Namespace | None = None) -> int:
    if options is not None and options.json:
        from flows.printed import in_json
        from flows.printed.machine import Error

        print(in_json(Error(error=sentence, exit_code=code)))
    print(f"{painted('keepfit:', 'red', sys.stderr)} {sentence}", file=sys.stderr)
    return code


def _in_words(exc: Exception) -> str:
    """A failure that nobody foresaw, as a sentence with the way to learn more."""
    chain = list(causes(exc))
    if any(is_full(cause) for cause in chain):
        file = next((str(cause.filename) for cause in chain if isinstance(cause, OSError) and cause.filename), "")
        return str(
            Unavailable(
                f"There is no space left to write {file or 'to the disk'}",
                action="Make room and give the same command again: what was finished is kept",
            )
        )
    if isinstance(exc, PermissionError):
        return str(Unavailable(f"{exc.filename} may not be written or read", action="Check its permissions"))
    first = str(exc).strip().splitlines()[0] if str(exc).strip() else "no message"
    return f"{type(exc).__name__}: {first}. Give the command again with --debug for the traceback."


if __name__ == "__main__":
    main()
