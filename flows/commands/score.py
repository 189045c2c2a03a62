"""`keepfit score`: the scoring flow, with its progress on the terminal and its outcome in words or as JSON."""

from __future__ import annotations

import argparse
import time
from typing import Any

from flows.commands.started import started


def run(options: argparse.Namespace) -> int:
    """Score what the project's `score:` or the options say, and tell how many rows were answered."""
    begun = time.monotonic()
    with started(options, "flows.scoring") as (server, display):
        from flows.scoring import scoring

        display.say(f"Prefect: {server.ui}")
        state: Any = scoring(
            str(options.project),
            source=options.input,
            output=options.output,
            log=options.log,
            again=options.again,
            return_state=True,
        )
        scored = state.result(raise_on_failure=True)
    page = f"{server.ui}/runs/flow-run/{state.state_details.flow_run_id}"
    if options.json:
        from flows.printed import in_json
        from flows.printed.scoring import Score

        print(in_json(Score(**dict(scored), seconds=round(time.monotonic() - begun, 3), prefect=page)))
    else:
        from flows.shown_scores import told

        print(f"{told(scored)}\nPrefect  {page}")
    return 0
