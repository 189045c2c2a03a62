"""`keepfit predict`: rows, answered by the champion."""

from __future__ import annotations

import argparse
import json
import sys
import time

from flows import answering
from flows.printed import in_json
from flows.printed.answers import Predict
from flows.printed.parts import Model
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
        model = Model(name=name, version=champion.version, digest=champion.artifact.digest)
        scorer = Scorer.open(store.path(champion.artifact), champion.artifact.digest)
        if options.output is None:
            rows = [answering.answer(scorer, options.row)] if options.row else answering.answers(scorer, options.input)
            if not options.json:
                formats.write_jsonl(sys.stdout.buffer, iter(rows))
                return 0
            answers = tuple(json.loads(line) for frame in rows for line in as_json(frame))
            seconds = round(time.monotonic() - started, 3)
            print(in_json(Predict(project=name, model=model, rows=len(answers), answers=answers, seconds=seconds)))
            return 0
        if options.row:
            raise UsageError("--row with --output", action="Leave one of them out: the answer is printed")
        n_rows = answering.score(scorer, options.input, options.output)
    if options.json:
        seconds, output = round(time.monotonic() - started, 3), str(options.output)
        print(in_json(Predict(project=name, model=model, rows=n_rows, output=output, seconds=seconds)))
    else:
        print(f"{n_rows:,} rows answered by {name} version {champion.version}: {options.output}", file=sys.stderr)
    return 0
