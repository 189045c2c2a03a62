"""What came of a training, as several commands print it."""

from __future__ import annotations

from flows.printed.ageing import ShownAgeing
from flows.printed.parts import Model
from tasks.core.noise import Conflicts, Noise, Oddity
from tasks.core.records import Record


class ShownNoise(Record):
    """What looks wrong in the rows, the surest first."""

    n_rows: int
    n_sampled: int
    oddities: tuple[Oddity, ...]
    conflicts: Conflicts | None

    @classmethod
    def of(cls, noise: Noise) -> ShownNoise:
        """The same without the files of examples."""
        found, conflicts = noise.oddities, noise.conflicts
        return cls(n_rows=noise.n_rows, n_sampled=noise.n_sampled, oddities=found, conflicts=conflicts)


class ShownLabels(Record):
    """Answers in the data that the models contradict; `rows` is a Parquet file."""

    n_judged: int
    n_rows: int
    text: str
    advice: str
    rows: str | None


class TestMetrics(Record):
    """Each metric on the test rows, with its 95 % interval."""

    test: dict[str, float]
    test_intervals: dict[str, tuple[float, float]]


class Train(Record):
    """What came of a training. `champion` is the version that serves now, `waits` why an accepted model does not;
    `cached` are steps that were remembered, `steps` the seconds of each."""

    project: str
    run_id: str
    flow_run_id: str
    accepted: bool
    reasons: tuple[str, ...]
    metrics: TestMetrics
    ageing: ShownAgeing | None
    noise: ShownNoise
    labels: ShownLabels
    model: Model
    champion: str | None
    waits: str | None
    seconds: float
    cached: tuple[str, ...]
    steps: dict[str, float]
    report: str
    mlflow: str
    prefect: str


class DoneAlready(Record):
    """A training that another run did."""

    project: str
    accepted: bool
    reasons: tuple[str, ...]
