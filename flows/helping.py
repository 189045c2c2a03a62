"""How `--help` reads: commands under what one wants to do, each with an example that works."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Mapping
from typing import NoReturn

from tasks.core.nearest import nearest

WIDEST = 118
EXAMPLE = "Example: "
GROUPS = {
    "Begin with your data": {
        "new": "keepfit new sales.csv --target churned --train",
        "show": "keepfit show data/titanic",
        "expectations": "keepfit expectations data/titanic --update",
        "quarantine": "keepfit quarantine data/titanic --export rejected.csv",
    },
    "Train a model": {
        "train": "keepfit train data/titanic --seconds 60",
        "prepare": "keepfit prepare data/titanic --output splits --scaled",
        "replay": "keepfit replay data/demand --every 1w --label-delay 7d",
    },
    "Answer with it": {
        "predict": "keepfit predict data/titanic --input passengers.csv --output answers.csv",
        "score": "keepfit score data/titanic --input passengers.parquet --output scores.parquet",
        "serve": "keepfit serve data/titanic --port 8080",
        "export": "keepfit export data/houses --to onnx --output for-phones",
        "keys": "keepfit keys data/titanic --add shop --rate 50",
    },
    "Watch it, and decide": {
        "status": "keepfit status data/titanic",
        "monitor": "keepfit monitor data/titanic --days 7 --explain",
        "ledger": "keepfit ledger data/titanic --limit 5",
        "promote": 'keepfit promote data/titanic --version 3 --why "fewer complaints"',
        "rollback": 'keepfit rollback data/titanic --why "refuses children"',
    },
    "Have it all run by itself": {
        "schedule": 'keepfit schedule data/titanic --cron "0 6 * * 1" --timezone Europe/Berlin',
        "up": "keepfit up data/titanic data/houses",
        "down": "keepfit down",
        "doctor": "keepfit doctor data/titanic",
        "completion": "keepfit completion bash",
    },
}
"""Every command once; a test parses each example."""


class Top(argparse.ArgumentParser):
    """The parser of `keepfit` itself, whose help is an overview."""

    def format_help(self) -> str:
        """Usage, the commands by purpose, what is alike for all."""
        said, width = _helps(self), max(40, min(WIDEST, shutil.get_terminal_size().columns - 2))
        lines = ["usage: keepfit COMMAND …", "", str(self.description)]
        for purpose, examples in GROUPS.items():
            lines += ["", f"{purpose}:"]
            for name, example in examples.items():
                lines += textwrap.wrap(
                    said[name],
                    width,
                    initial_indent=f"  {name:<13}",
                    subsequent_indent=" " * 15,
                    break_on_hyphens=False,
                )
                lines.append(f"{'':15}$ {example}")
        options = "`keepfit COMMAND --help` tells the options of one; `keepfit --version` the version."
        return "\n".join([*lines, "", *textwrap.wrap(options, width), *textwrap.wrap(str(self.epilog), width), ""])

    def error(self, message: str) -> NoReturn:
        """The overview where no command is named, the nearest one where it is none."""
        if "required: COMMAND" in message:
            self.exit(2, self.format_help())
        if wrong := re.match(r"argument COMMAND: invalid choice: '(.*?)' ", message):
            near = nearest(wrong[1], _helps(self))
            meant = f"Perhaps `keepfit {near}` is meant; " if near else ""
            self.exit(2, f"keepfit: {wrong[1]!r} is no command. {meant}`keepfit --help` names all.\n")
        super().error(message)


class Formatter(argparse.HelpFormatter):
    """argparse's own, but for the example, which is a line to be copied."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith(EXAMPLE) else super()._fill_text(text, width, indent)


def example(command: str) -> str:
    """The last line of that command's help."""
    return EXAMPLE + next(group[command] for group in GROUPS.values() if command in group)


def _helps(parser: argparse.ArgumentParser) -> Mapping[str, str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):  # pyright: ignore[reportPrivateUsage]
            return {each.dest: each.help or "" for each in action._choices_actions}  # pyright: ignore[reportPrivateUsage]
    return {}
