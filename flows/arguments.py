"""What can be said on the command line: every command of `keepfit`, and its options."""

from __future__ import annotations

import argparse
from importlib.metadata import version
from pathlib import Path

from flows.helping import Formatter, Top, example
from flows.values import count, day, moment, positive


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

    new = _command(
        commands, "new", "a project for data: project.yaml, and expectations from what they are like", data=True
    )
    new.add_argument("--target", metavar="COLUMN", help="what is to be predicted; without it, the columns are listed")
    new.add_argument("--name", metavar="NAME", help="the project's name (default: the data's)")
    new.add_argument("--output", type=Path, metavar="FOLDER", help="where it goes (default: a folder of its name)")
    new.add_argument("--query", metavar="SELECT", help="the rows of a database")
    new.add_argument("--table", metavar="TABLE", help="the table of a database")
    new.add_argument("--train", action="store_true", help="train it at once")
    _budget(new)

    train = _command(commands, "train", "train, test and register a model; the champion moves if the gates hold")
    _budget(train)
    train.add_argument(
        "--recollect", action="store_true", help="read the source from its beginning, not only what is new"
    )

    predict = _command(commands, "predict", "answer rows with the champion")
    given = predict.add_mutually_exclusive_group(required=True)
    given.add_argument(
        "--input",
        type=Path,
        metavar="FILE",
        help="CSV, Parquet or JSONL; one image, sound or text; a folder of images or sounds; - for JSON lines on stdin",
    )
    given.add_argument("--row", metavar="JSON", help="one row as a JSON object of the input columns")
    predict.add_argument(
        "--output", type=Path, metavar="FILE", help="CSV, Parquet or JSONL (default: JSON lines on stdout)"
    )

    score = _command(commands, "score", "answer the rows of a source with the champion, in batches, each row once")
    score.add_argument(
        "--input", metavar="DATA", help="a file, folder or address (default: as `score:` says, or the project's own)"
    )
    score.add_argument(
        "--output",
        metavar="FILE",
        help="CSV, Parquet or JSONL; a folder; or ADDRESS#TABLE (default: as `score:` says, or a folder in the home)",
    )
    score.add_argument(
        "--log",
        action=argparse.BooleanOptionalAction,
        help="have the rows in the prediction log, so that they are watched",
    )
    score.add_argument("--again", action="store_true", help="score all rows of the source, not only what is new")

    prepare = _command(commands, "prepare", "write the prepared splits as Parquet, for use elsewhere")
    prepare.add_argument("--output", type=Path, metavar="FOLDER", required=True, help="where the files go")
    prepare.add_argument(
        "--scaled", action="store_true", help="imputed, encoded and scaled, as a linear model takes them"
    )

    expect = _command(
        commands, "expectations", "whether each expectation holds now, or what it would say of today's data"
    )
    expect.add_argument("--update", action="store_true", help="show what would be written now, and ask line by line")
    expect.add_argument("--accept", metavar="NUMBERS", help="with --update: write all, or those like 1,3-5, unasked")

    quarantine = _command(commands, "quarantine", "the rows that were held back, and why")
    quarantine.add_argument("--limit", type=count, default=10, metavar="N", help="rows to show (default: 10)")
    quarantine.add_argument("--export", type=Path, metavar="FILE", help="write all of them as CSV, Parquet or JSONL")
    freed = quarantine.add_mutually_exclusive_group()
    freed.add_argument("--release", nargs="+", metavar="ROW", help="let these rows through from now on, or `all`")
    freed.add_argument("--release-rule", metavar="RULE", help="let all rows through that broke this rule, or column")
    quarantine.add_argument("--why", default="", metavar="TEXT", help="why, for whoever reads released.yaml")

    _command(commands, "show", "the whole configuration, what was inferred from the data, and why")

    serve = _command(commands, "serve", "the model API of one or several projects, and a page for people", many=True)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    serve.add_argument("--port", type=int, default=8000, metavar="N", help="port to listen on (default: 8000)")
    serve.add_argument(
        "--processes", type=count, default=1, metavar="N", help="processes that answer on the port (default: 1)"
    )
    serve.add_argument("--tls-cert", type=Path, metavar="FILE", help="the certificate, for HTTPS")
    serve.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's private key")
    serve.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a further name by which it may be asked"
    )
    asked = serve.add_mutually_exclusive_group()
    asked.add_argument("--keys", action="store_true", help="ask for an API key on this machine, too")
    asked.add_argument("--open", action="store_true", help="ask for none, even where other machines reach it")

    ledger = _command(commands, "ledger", "what served when, who asked for it, why, and on what evidence")
    ledger.add_argument("--limit", type=count, default=20, metavar="N", help="decisions to show (default: 20)")

    rollback = _command(commands, "rollback", "the version that served before serves again")
    rollback.add_argument(
        "--to", type=count, metavar="N", help="the version (default: the one before, unless it was rolled back from)"
    )
    rollback.add_argument("--why", default="", metavar="TEXT", help="why, for whoever reads the ledger")

    promote = _command(commands, "promote", "make a registered version the champion, or the challenger")
    promote.add_argument("--version", type=count, required=True, metavar="N", help="the version")
    promote.add_argument(
        "--as", dest="role", choices=["champion", "challenger"], default="champion", help="its role (default: champion)"
    )
    promote.add_argument("--why", default="", metavar="TEXT", help="why, for whoever reads the ledger")

    keys = _command(commands, "keys", "who may ask the project's servers")
    changed = keys.add_mutually_exclusive_group()
    changed.add_argument("--add", metavar="NAME", help="a new key for this caller; it is shown once")
    changed.add_argument("--revoke", metavar="NAME", help="the key of this caller is worth nothing from now on")
    keys.add_argument("--rate", type=positive, metavar="N", help="with --add: requests per second (default: any)")

    monitor = _command(
        commands, "monitor", "what drifted, what broke, how right the answers were, by day; and what is to be done"
    )
    window = monitor.add_mutually_exclusive_group()
    window.add_argument("--window", type=day, metavar="DAY", help="one day (UTC) like 2026-03-31, or `today` so far")
    window.add_argument("--days", type=count, metavar="N", help="the last N whole days (default: the last one)")
    window.add_argument("--input", type=Path, metavar="FILE", help="rows to judge as one window, as predict reads them")
    monitor.add_argument("--explain", action="store_true", help="say in the report which rows moved, drift or none")

    monitor.add_argument(
        "--act", action="store_true", help="do what the verdict says, in this process: train anew, or roll back"
    )

    replay = _command(commands, "replay", "the retraining policy back-tested on the project's own history")
    replay.add_argument(
        "--from", dest="begin", type=moment, metavar="DATE", help="first date (default: a fifth of the rows came)"
    )
    replay.add_argument("--to", dest="end", type=moment, metavar="DATE", help="rows from this date on are left out")
    replay.add_argument("--every", metavar="SPAN", help="length of a window, such as 1w (default: `retrain: {every}`)")
    replay.add_argument("--label-delay", metavar="SPAN", help="how late outcomes come, such as 7d (default: at once)")
    replay.add_argument("--apply", action="store_true", help="show the recommended `retrain:` as a diff, and ask")
    replay.add_argument("--accept", action="store_true", help="with --apply: write it unasked")

    schedule = _command(commands, "schedule", "when a project is trained, watched and scored: its part of prefect.yaml")
    schedule.add_argument("--cron", metavar="CRON", help='when, such as "0 6 * * 1" (default: Monday at six)')
    schedule.add_argument("--timezone", metavar="ZONE", help="whose clock, such as Europe/Berlin (default: UTC)")
    schedule.add_argument(
        "--flow",
        choices=["training", "monitoring", "scoring"],
        default="training",
        help="what --cron and --timezone are for (default: training)",
    )
    schedule.add_argument("--dry-run", action="store_true", help="show the change to prefect.yaml, write nothing")

    up = _command(
        commands,
        "up",
        "everything at once: Prefect, MLflow, a worker, the model API and a page",
        many=True,
        optional=True,
    )
    up.add_argument("--port", type=int, default=8000, metavar="N", help="the model API's port (default: 8000, or next)")
    up.add_argument(
        "--once", action="store_true", help="one turn of the loop as a demonstration, in a home of its own, then end"
    )

    _command(commands, "status", "what serves, since when, the last decisions, and where everything is")
    completion = commands.add_parser(
        "completion",
        help="a script by which a shell completes commands and options",
        description="A completion script.",
        epilog=example("completion"),
        formatter_class=Formatter,
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="for which shell")
    _ways_to_tell(completion)

    _command(commands, "doctor", "whether the machine, the home and a project are well, and what to do", optional=True)
    _command(commands, "down", "end what `keepfit up` started, and the private Prefect server", optional=True)
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],  # pyright: ignore[reportPrivateUsage]
    name: str,
    what: str,
    optional: bool = False,
    data: bool = False,
    many: bool = False,
) -> argparse.ArgumentParser:
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
    _ways_to_tell(command)
    return command


def _ways_to_tell(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object on stdout; all else goes to stderr")
    command.add_argument("--debug", action="store_true", help="show the traceback of a failure")


def _budget(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seconds", type=positive, metavar="N", help="budget for tuning and fitting, in seconds")
    command.add_argument("--trials", type=count, metavar="N", help="budget for tuning, in trials; reproducible")
