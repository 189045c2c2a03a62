"""What answers with the champion, takes it elsewhere, and says who may ask."""

from __future__ import annotations

import argparse
from pathlib import Path

from flows.arguments.command import Commands, command
from flows.values import count, positive


def add(commands: Commands) -> None:
    """The commands, with their options."""
    predict = command(commands, "predict", "answer rows with the champion")
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

    score = command(commands, "score", "answer the rows of a source with the champion, in batches, each row once")
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

    serve = command(commands, "serve", "the model API of one or several projects, and a page for people", many=True)
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

    export = command(commands, "export", "the champion packed for somewhere else: phones, browsers, clouds, firmware")
    export.add_argument("--to", choices=["onnx", "browser", "c", "docker"], required=True, help="where it goes")
    export.add_argument("--output", type=Path, metavar="FOLDER", required=True, help="where the files go")
    export.add_argument("--version", type=count, metavar="N", help="the version (default: the champion)")
    export.add_argument(
        "--precision",
        choices=["float64", "float32"],
        default="float64",
        help="float32 for small devices; what it costs is measured and told (default: float64)",
    )
    export.add_argument(
        "--as-input",
        action="append",
        default=[],
        metavar="FEATURE",
        help="have the caller compute this feature, which the file cannot",
    )

    keys = command(commands, "keys", "who may ask the project's servers")
    changed = keys.add_mutually_exclusive_group()
    changed.add_argument("--add", metavar="NAME", help="a new key for this caller; it is shown once")
    changed.add_argument("--revoke", metavar="NAME", help="the key of this caller is worth nothing from now on")
    keys.add_argument("--rate", type=positive, metavar="N", help="with --add: requests per second (default: any)")
