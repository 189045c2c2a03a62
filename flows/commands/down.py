"""`keepfit down`: what `keepfit up` started ends, and the private Prefect server."""

from __future__ import annotations

import argparse

from flows import services
from flows.printed import in_json
from flows.printed.machine import Down
from flows.services import standing
from tasks.core import store


def run(options: argparse.Namespace) -> int:
    """End what runs in this project's home; fine when nothing does."""
    home = store.home_of(options.project)
    was_up = standing.end(home)
    ended = services.down(home)
    if options.json:
        print(in_json(Down(ended=ended or was_up, up=was_up)))
    elif was_up:
        print("All that `keepfit up` started has ended.")
    else:
        print("The Prefect server has ended." if ended else "No Prefect server was running.")
    return 0
