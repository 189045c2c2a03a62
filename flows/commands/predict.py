"""`keepfit predict`: a file of rows, answered by the champion."""

from __future__ import annotations

import argparse
import json
import sys
import time

from flows import scoring
from tasks.core import store, tracking
from tasks.core.project_file import project_file, project_name
from tasks.scoring.scorer import Scorer


def run(options: argparse.Namespace) -> int:
    """Write the output file and say how many rows it has."""
    started = time.monotonic()
    name = project_name(options.project)
    with store.opened(store.home_of(project_file(options.project).parent)):
        champion = tracking.serving(name)
        scorer = Scorer.open(store.path(champion.artifact), champion.artifact.digest)
        n_rows = scoring.score(scorer, options.input, options.output)
    outcome = {
        "project": name,
        "model": {"name": name, "version": champion.version, "digest": champion.artifact.digest},
        "rows": n_rows,
        "output": str(options.output),
        "seconds": round(time.monotonic() - started, 3),
    }
    if options.json:
        print(json.dumps(outcome))
    else:
        print(f"{n_rows:,} rows answered by {name} version {champion.version}: {options.output}", file=sys.stderr)
    return 0
