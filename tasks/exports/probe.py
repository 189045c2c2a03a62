"""What a fresh process makes of an exported model: the check before it may serve.

`python -m tasks.exports.probe ARTIFACT DIGEST PARITY` opens the file as a server would, asks it the parity rows and
its own sample rows, and prints one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tasks.core import store
from tasks.core.errors import KeepfitError
from tasks.core.records import Record, TrainedModel

TIME_LIMIT = 300.0


class Probe(Record):
    """How many parity rows were asked, and the largest difference to what the fitted model had answered."""

    n_rows: int
    largest_difference: float


def probe(model: TrainedModel) -> Probe:
    """Start a fresh process that loads the model and asks it; a KeepfitError when it cannot."""
    command = [sys.executable, "-m", "tasks.exports.probe", str(store.path(model.artifact)), model.digest]
    try:
        answer = subprocess.run(
            [*command, str(store.path(model.parity))],
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=True,
        )
    except subprocess.TimeoutExpired as exc:
        raise _failed(f"no answer within {TIME_LIMIT:.0f} seconds") from exc
    except subprocess.CalledProcessError as exc:
        raise _failed(exc.stderr.strip().splitlines()[-1] if exc.stderr.strip() else f"exit {exc.returncode}") from exc
    return Probe.model_validate_json(answer.stdout)


def _failed(found: str) -> KeepfitError:
    return KeepfitError(
        "The exported model did not start in a fresh process",
        found=found,
        action="The champion before goes on serving; report this with `keepfit train --debug`",
    )


def main(artifact: str, digest: str, parity: str) -> None:
    """Ask the model at `artifact`; its answers to the parity rows are compared with those in the file `parity`."""
    import numpy as np
    import polars as pl

    from tasks.core.scorer import Scorer
    from tasks.exports.parity import largest_difference

    scorer = Scorer.open(Path(artifact), digest)
    rows = pl.read_parquet(parity)
    asked = rows.select(f"x{number}" for number in range(len(scorer.card.features))).to_numpy()
    expected = rows.select(name for name in rows.columns if name.startswith("y")).to_numpy()
    found = scorer.ask(np.ascontiguousarray(asked, dtype=np.float64)).reshape(expected.shape)
    samples = pl.DataFrame([json.loads(sample) for sample in scorer.card.sample])
    if scorer.predict(samples).height != len(scorer.card.sample):
        raise KeepfitError("The exported model did not answer its own sample rows")
    print(json.dumps({"n_rows": rows.height, "largest_difference": largest_difference(expected, found)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
