"""`keepfit predict`: rows, answered by the champion."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from flows import answering
from tasks.core import roles, store
from tasks.core.errors import UsageError
from tasks.core.project_file import project_file, project_name
from tasks.outputs import formats
from tasks.scoring.inputs import as_json
from tasks.scoring.scorer import Scorer


def run(options: argparse.Namespace) -> int:
    """Write the answers to the output file and say how many; without one, write them to standard output."""
    started = time.monotonic()
    name = project_name(options.project)
    with store.opened(store.home_of(project_file(options.project).parent)):
        champion = roles.serving(name).champion
        scorer = Scorer.open(store.path(champion.artifact), champion.artifact.digest)
        shown: Any = {}
        if options.output is None:
            rows = [answering.answer(scorer, options.row)] if options.row else answering.answers(scorer, options.input)
            if not options.json:
                formats.write_jsonl(sys.stdout.buffer, iter(rows))
                return 0
            found = [json.loads(line) for frame in rows for line in as_json(frame)]
            n_rows, shown = len(found), {"answers": found}
        elif options.row:
            raise UsageError("--row with --output", action="Leave one of them out: the answer is printed")
        else:
            n_rows = answering.score(scorer, options.input, options.output)
            shown = {"output": str(options.output)}
    outcome = {
        "project": name,
        "model": {"name": name, "version": champion.version, "digest": champion.artifact.digest},
        "rows": n_rows,
        **shown,
        "seconds": round(time.monotonic() - started, 3),
    }
    if options.json:
        print(json.dumps(outcome))
    else:
        print(f"{n_rows:,} rows answered by {name} version {champion.version}: {options.output}", file=sys.stderr)
    return 0
