"""What the commands have in common: what they are given, and the options of all of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from flows.helping import Formatter, example
from flows.values import count, positive

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # pyright: ignore[reportPrivateUsage]


def command(
    commands: Commands,
    name: str,
    what: str,
    optional: bool = False,
    data: bool = False,
    many: bool = False,
) -> argparse.ArgumentParser:
    """A command's parser: `data` takes data, `many` several projects, `optional` also none, the others one project."""
    command = commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=example(name),
        formatter_class=Formatter,
    )
    if data:
        command.add_argument("data", metavar="DATA", help="a file, a folder, or an address that a source takes")
    elif many:
        command.add_argument(
            "projects",
            type=Path,
            metavar="PROJECT",
            nargs="*" if optional else "+",
            help="folders with a project.yaml each",
        )
    else:
        command.add_argument(
            "project",
            type=Path,
            metavar="PROJECT",
            help="a folder with a project.yaml",
            nargs="?" if optional else None,
            default=Path() if optional else None,
        )
    ways_to_tell(command)
    return command


def ways_to_tell(command: argparse.ArgumentParser) -> None:
    """The options that all commands have."""
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout; all else goes to stderr")
    command.add_argument("--debug", action="store_true", help="show the traceback of a failure")


def budget(command: argparse.ArgumentParser) -> None:
    """How much tuning may cost."""
    command.add_argument("--seconds", type=positive, metavar="N", help="budget for tuning and fitting, in seconds")
    command.add_argument("--trials", type=count, metavar="N", help="budget for tuning, in trials; reproducible")
