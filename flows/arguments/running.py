"""What keepfit runs on, and when."""

from __future__ import annotations

from flows.arguments.command import Commands, command, ways_to_tell
from flows.helping import Formatter, example


def add(commands: Commands) -> None:
    """The commands, with their options."""
    schedule = command(commands, "schedule", "when a project is trained, watched and scored: its part of prefect.yaml")
    schedule.add_argument("--cron", metavar="CRON", help='when, such as "0 6 * * 1" (default: Monday at six)')
    schedule.add_argument("--timezone", metavar="ZONE", help="whose clock, such as Europe/Berlin (default: UTC)")
    schedule.add_argument(
        "--flow",
        choices=["training", "monitoring", "scoring"],
        default="training",
        help="what --cron and --timezone are for (default: training)",
    )
    schedule.add_argument("--dry-run", action="store_true", help="show the change to prefect.yaml, write nothing")

    up = command(
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

    command(commands, "down", "end what `keepfit up` started, and the private Prefect server", optional=True)

    command(commands, "doctor", "whether the machine, the home and a project are well, and what to do", optional=True)

    completion = commands.add_parser(
        "completion",
        help="a script by which a shell completes commands and options",
        description="A completion script.",
        epilog=example("completion"),
        formatter_class=Formatter,
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="for which shell")
    ways_to_tell(completion)
