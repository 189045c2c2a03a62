"""What is done in a process of its own.

`python -m flows.services templates` makes the databases that new homes start from; `sweep HOME` ends the runs of dead
processes, in Prefect and MLflow.
"""

import sys
from pathlib import Path

from flows.services import runs, templates

match sys.argv[1:]:
    case ["templates"]:
        for path in templates.make():
            print(path)
    case ["sweep", home]:
        from tasks.core import store

        with store.opened(Path(home)):
            for run in runs.sweep(Path(home)):
                print(f"{run.project}: run {run.flow_run_id} of process {run.pid} had died")
    case _:
        sys.exit("usage: python -m flows.services templates | sweep HOME")
