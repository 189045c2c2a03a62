"""What a fresh process makes of an exported model: `python -m tasks.exports.probe ARTIFACT DIGEST PARITY`.

It opens the file as a server would, asks it the parity rows and its own sample rows, and prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tasks.core.errors import KeepfitError


def main(artifact: str, digest: str, parity: str) -> None:
    """Ask the model at `artifact`; its answers to the parity rows are compared with those in the file `parity`."""
    import numpy as np
    import polars as pl

    from tasks.exports.parity import largest_difference
    from tasks.modalities.matrix import width
    from tasks.scoring.scorer import Scorer

    scorer = Scorer.open(Path(artifact), digest)
    rows = pl.read_parquet(parity)
    asked = rows.select(f"x{number}" for number in range(width(scorer.card.features))).to_numpy()
    expected = rows.select(name for name in rows.columns if name.startswith("y")).to_numpy()
    found = scorer.ask(np.ascontiguousarray(asked, dtype=np.float64)).reshape(expected.shape)
    samples = pl.DataFrame([json.loads(sample) for sample in scorer.card.sample])
    if scorer.predict(samples).height != len(scorer.card.sample):
        raise KeepfitError("The exported model did not answer its own sample rows")
    print(json.dumps({"n_rows": rows.height, "largest_difference": largest_difference(expected, found)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
