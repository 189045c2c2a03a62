"""What can be said on the command line: every command of `keepfit`, and its options."""

from __future__ import annotations

import argparse
from importlib.metadata import version

from flows.arguments import answering, data, deciding, running, training
from flows.helping import Top


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    top = Top(
        prog="keepfit",
        description="Training pipelines that keep your models fit.",
        epilog="Every PROJECT is a folder with a project.yaml. Exit codes: 0 done, 1 failed, 2 wrong use, 3 refused.",
    )
    top.add_argument("--version", action="version", version=f"keepfit {version('keepfit')}")
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=argparse.ArgumentParser
    )
    for purpose in (data, training, answering, deciding, running):
        purpose.add(commands)
    return top
