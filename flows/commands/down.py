"""`keepfit down`: the private Prefect server ends at once."""

from __future__ import annotations

import argparse
import json

from flows import services
from tasks.core import store


def run(options: argparse.Namespace) -> int:
    """End the server of this project's home; fine when none runs."""
    ended = services.down(store.home_of(options.project))
    if options.json:
        print(json.dumps({"ended": ended}))
    else:
        print("The Prefect server has ended." if ended else "No Prefect server was running.")
    return 0
