"""What one begins with: a project for data, and what is found in them."""

from __future__ import annotations

from pathlib import Path

from flows.arguments.command import Commands, budget, command
from flows.values import count


def add(commands: Commands) -> None:
    """The commands, with their options."""
    new = command(
        commands, "new", "a project for data: project.yaml, and expectations from what they are like", data=True
    )
    new.add_argument("--target", metavar="COLUMN", help="what is to be predicted; without it, the columns are listed")
    new.add_argument("--name", metavar="NAME", help="the project's name (default: the data's)")
    new.add_argument("--output", type=Path, metavar="FOLDER", help="where it goes (default: a folder of its name)")
    new.add_argument("--query", metavar="SELECT", help="the rows of a database")
    new.add_argument("--table", metavar="TABLE", help="the table of a database")
    new.add_argument("--train", action="store_true", help="train it at once")
    budget(new)

    command(commands, "show", "the whole configuration, what was inferred from the data, and why")

    expect = command(
        commands, "expectations", "whether each expectation holds now, or what it would say of today's data"
    )
    expect.add_argument("--update", action="store_true", help="show what would be written now, and ask line by line")
    expect.add_argument("--accept", metavar="NUMBERS", help="with --update: write all, or those like 1,3-5, unasked")

    quarantine = command(commands, "quarantine", "the rows that were held back, and why")
    quarantine.add_argument("--limit", type=count, default=10, metavar="N", help="rows to show (default: 10)")
    quarantine.add_argument("--export", type=Path, metavar="FILE", help="write all of them as CSV, Parquet or JSONL")
    freed = quarantine.add_mutually_exclusive_group()
    freed.add_argument("--release", nargs="+", metavar="ROW", help="let these rows through from now on, or `all`")
    freed.add_argument("--release-rule", metavar="RULE", help="let all rows through that broke this rule, or column")
    quarantine.add_argument("--why", default="", metavar="TEXT", help="why, for whoever reads released.yaml")
