"""One model, ready to answer: its scorer, what its rows look like, and the words of its answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tasks.core.errors import Refused
from tasks.scoring.scorer import Scorer
from tasks.serving.refusal import Refusal
from tasks.serving.schema import RowSchema

if TYPE_CHECKING:
    from tasks.scoring.scorer import Floats


class Identity(msgspec.Struct, frozen=True):
    """Which model answered. `digest` is the beginning of the SHA-256 of its ONNX file."""

    name: str
    version: str
    digest: str


Output = tuple[str | float, list[float]]
"""What the model says of one row: the prediction, and the numbers behind it."""


class Model:
    """A model that has proved, on the sample rows of its own card, that it answers."""

    def __init__(self, path: Path, digest: str, version: str, name: str, key: Sequence[str] = ()) -> None:
        self.scorer = Scorer.open(path, digest)
        self.card = self.scorer.card
        self.digest = digest
        self.watched = self.card.corrects.digest if self.card.corrects else digest
        """The digest of the trained model as which its answers are watched: its own, or that of what it corrects."""
        self.schema = RowSchema(self.card, key)
        self.identity = Identity(name, version, digest[:12])
        self.identity_json = {"name": name, "version": version, "digest": self.identity.digest}
        self._identity = msgspec.Raw(msgspec.json.encode(self.identity))
        classes = self._classes = self.card.target.classes
        self._probabilities = _by_class(classes)
        self._answer: Any = msgspec.defstruct(
            "Answer",
            [
                ("id", str),
                ("prediction", str | float),
                *([("probabilities", Any)] if classes else []),
                ("model", msgspec.Raw),
                ("warnings", list[str] | msgspec.UnsetType, msgspec.UNSET),
            ],
            gc=False,  # of thousands of answers the collector would look for cycles, and there are none
        )
        self.prove()

    def ask(self, rows: list[list[float]]) -> list[Output]:
        """For each packed row the label and the probabilities, or for a regression the value alone."""
        if not rows:
            return []
        outputs = self.scorer.ask(np.array(rows, dtype=np.float64))
        if not self._classes:
            return [(value, [value]) for value in outputs.tolist()]
        return list(zip(self.scorer.labels(outputs), outputs.tolist(), strict=True))

    def answer(self, id_: str, output: Output, row: int, warnings: Sequence[str] = ()) -> msgspec.Struct:
        """The answer to one row: `id`, `prediction`, `probabilities` by class, `model`, and `warnings` if any.

        Raises Refusal when the model gave no finite number for it.
        """
        prediction, values = output
        if not math.isfinite(sum(values)):
            raise _overflow(row)
        told = list(warnings) or msgspec.UNSET
        if not self._classes:
            return self._answer(id_, prediction, self._identity, told)
        return self._answer(id_, prediction, self._probabilities(*values), self._identity, told)

    def bulk(self, rows: Floats, first_row: int = 0) -> tuple[Sequence[Any], Floats]:
        """The predictions and the probabilities (n, n_classes), or of a regression the values twice, for packed rows.

        Raises Refusal like `answer`.
        """
        outputs = self.scorer.ask(rows)
        finite = np.isfinite(outputs if outputs.ndim == 1 else outputs.sum(axis=1))
        if not finite.all():
            raise _overflow(first_row + int(finite.argmin()))
        labels: Any = self.scorer.labels(outputs) if self._classes else outputs.tolist()
        return labels, outputs

    def answers(
        self, ids: Iterable[str], labels: Sequence[str | float], outputs: Floats, warnings: Sequence[list[str]] | None
    ) -> list[Any]:
        """The same answers as `answer`, for many rows at once."""
        told = repeat(msgspec.UNSET) if warnings is None else (each or msgspec.UNSET for each in warnings)
        model = repeat(self._identity)
        if not self._classes:
            return list(map(self._answer, ids, labels, model, told))
        return list(map(self._answer, ids, labels, map(self._probabilities, *outputs.T.tolist()), model, told))

    def prove(self) -> None:
        """Ask the model the sample rows of its card. Raises Refused when one of them has no good answer."""
        try:
            for sample in self.card.sample:
                rows, _ = self.schema.read(sample.encode())
                for output in self.ask([self.schema.floats(self.schema.values(row)) for row in rows]):
                    self.answer("", output, 0)
                    if self._classes and not math.isclose(sum(output[1]), 1, abs_tol=1e-6):
                        raise Refusal(500, f"its probabilities sum to {sum(output[1]):.6g}")
        except Refusal as exc:
            raise Refused(
                f"The model {self.identity.name} {self.identity.version} cannot answer its own sample rows",
                expected="a good answer to each",
                found=str(exc),
                action="Train the project again, or roll back to an earlier version",
            ) from exc


def _overflow(row: int) -> Refusal:
    return Refusal(
        422,
        "The model has no finite answer for this row",
        row=row,
        expected="values in the range of the training data",
        found="an overflow",
        action="Look for a number that is far too large.",
    )


def _by_class(classes: Sequence[str]) -> Callable[..., Any]:
    """What makes an object of values, one a class. A generated class is encoded four times as fast as a dict."""
    fields = [f"p{i}" for i in range(len(classes))]
    try:
        return msgspec.defstruct(
            "Probabilities",
            [(name, float) for name in fields],
            rename=dict(zip(fields, classes, strict=True)),
            gc=False,
        )
    except ValueError:  # a name that JSON has to escape
        return lambda *values: dict(zip(classes, values, strict=True))
