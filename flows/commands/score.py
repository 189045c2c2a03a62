"""`keepfit score`: the scoring flow, with its progress on the terminal and its outcome in words or as JSON."""

from __future__ import annotations

import argparse
import json
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
    outcome = scored.model_dump(mode="json") | {
        "seconds": round(time.monotonic() - begun, 3),
        "prefect": f"{server.ui}/runs/flow-run/{state.state_details.flow_run_id}",
    }
    from flows.shown_scores import told

    print(json.dumps(outcome) if options.json else f"{told(scored)}\nPrefect  {outcome['prefect']}")
    return 0
