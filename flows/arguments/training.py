"""What trains a model, or prepares for it."""

from __future__ import annotations

from pathlib import Path

from flows.arguments.command import Commands, budget, command
from flows.values import moment


def add(commands: Commands) -> None:
    """The commands, with their options."""
    train = command(commands, "train", "train, test and register a model; the champion moves if the gates hold")
    budget(train)
    train.add_argument(
        "--recollect", action="store_true", help="read the source from its beginning, not only what is new"
    )

    prepare = command(commands, "prepare", "write the prepared splits as Parquet, for use elsewhere")
    prepare.add_argument("--output", type=Path, metavar="FOLDER", required=True, help="where the files go")
    prepare.add_argument(
        "--scaled", action="store_true", help="imputed, encoded and scaled, as a linear model takes them"
    )

    replay = command(commands, "replay", "the retraining policy back-tested on the project's own history")
    replay.add_argument(
        "--from", dest="begin", type=moment, metavar="DATE", help="first date (default: a fifth of the rows came)"
    )
    replay.add_argument("--to", dest="end", type=moment, metavar="DATE", help="rows from this date on are left out")
    replay.add_argument("--every", metavar="SPAN", help="length of a window, such as 1w (default: `retrain: {every}`)")
    replay.add_argument("--label-delay", metavar="SPAN", help="how late outcomes come, such as 7d (default: at once)")
    replay.add_argument("--apply", action="store_true", help="show the recommended `retrain:` as a diff, and ask")
    replay.add_argument("--accept", action="store_true", help="with --apply: write it unasked")
