"""What is known of the models, and what decides which one serves."""

from __future__ import annotations

from pathlib import Path

from flows.arguments.command import Commands, command
from flows.values import count, day


def add(commands: Commands) -> None:
    """The commands, with their options."""
    command(commands, "status", "what serves, since when, the last decisions, and where everything is")

    monitor = command(
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

    ledger = command(commands, "ledger", "what served when, who asked for it, why, and on what evidence")
    ledger.add_argument("--limit", type=count, default=20, metavar="N", help="decisions to show (default: 20)")

    promote = command(commands, "promote", "make a registered version the champion, or the challenger")
    promote.add_argument("--version", type=count, required=True, metavar="N", help="the version")
    promote.add_argument(
        "--as", dest="role", choices=["champion", "challenger"], default="champion", help="its role (default: champion)"
    )
    promote.add_argument("--why", default="", metavar="TEXT", help="why, for whoever reads the ledger")

    rollback = command(commands, "rollback", "the version that served before serves again")
    rollback.add_argument(
        "--to", type=count, metavar="N", help="the version (default: the one before, unless it was rolled back from)"
    )
    rollback.add_argument("--why", default="", metavar="TEXT", help="why, for whoever reads the ledger")
