"""The one way to ask a model: its ONNX file in onnxruntime, with the card that the file carries.

Evaluation, deployment, `keepfit predict` and the model API all go through here; none asks the Python model, and
nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from tasks.core import expressions
from tasks.core.errors import DataError, Refused, Unavailable
from tasks.core.model_records import ModelCard
from tasks.modalities.matrix import matrix, width
from tasks.scoring import inputs

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime
    import polars as pl

    Floats = np.ndarray[Any, np.dtype[np.float64]]

CARD = "keepfit"
"""The key of the ModelCard in the ONNX file's metadata."""
ROWS_ASKED = 8_192
"""Rows per question: a forest over many classes needs a megabyte for ten rows."""
CELLS_HELD = 4_000_000
"""Cells of the frame that are prepared at a time, so that memory does not grow with the rows."""


class Scorer:
    """A model, open. It may be asked from several threads at once."""

    def __init__(self, session: onnxruntime.InferenceSession, card: ModelCard, digest: str) -> None:
        self.card = card
        self.digest = digest
        self._session = session
        self._outputs = [session.get_outputs()[0].name]

    @classmethod
    def open(cls, path: Path | str, sha256: str | None = None) -> Scorer:
        """The model in the file. Refused when its SHA-256 is not the one given, DataError when it is no model."""
        try:
            data = Path(path).read_bytes()
        except OSError as exc:
            raise Unavailable(f"The model file {path} cannot be read", found=str(exc.strerror)) from exc
        digest = hashlib.sha256(data).hexdigest()
        if sha256 is not None and digest != sha256:
            raise Refused(
                f"The model file {path} is not the one that was registered",
                expected=f"SHA-256 {sha256}",
                found=digest,
                action="Restore the file, or train and deploy again",
            )
        return cls.of(data, str(path), digest)

    @classmethod
    def of(cls, data: bytes, name: str = "in memory", digest: str | None = None) -> Scorer:
        """The model in the bytes; `name` is what an error calls it."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # one row is too little work to share
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as exc:  # onnxruntime's errors have no common class of their own
            raise _no_model(name, f"onnxruntime says {str(exc).splitlines()[0][:200]}") from exc
        written = session.get_modelmeta().custom_metadata_map.get(CARD)
        if written is None:
            raise _no_model(name, "no card in its metadata")
        try:
            card = ModelCard.model_validate_json(written)
        except ValidationError as exc:
            raise _no_model(name, f"a card with {exc.error_count()} errors, first {exc.errors()[0]['msg']!r}") from exc
        n_columns = session.get_inputs()[0].shape[-1]
        if n_columns != width(card.features):
            raise _no_model(name, f"a card of {width(card.features)} columns on a graph of {n_columns}")
        return cls(session, card, digest or hashlib.sha256(data).hexdigest())

    def ask(self, rows: Floats) -> Floats:
        """Probabilities (n, n_classes), or predictions (n,), for rows of the matrix."""
        import numpy as np

        rows = np.ascontiguousarray(rows, dtype=np.float64)
        if len(rows) <= ROWS_ASKED:
            return self._run(rows)
        return np.concatenate([self._run(rows[i : i + ROWS_ASKED]) for i in range(0, len(rows), ROWS_ASKED)])

    def predict(self, frame: pl.DataFrame, missing_ok: bool = False) -> pl.DataFrame:
        """A row for each row of raw input columns: `prediction`, and `probability_<class>` of each class.

        DataError for a column that is absent (unless `missing_ok`) or a value that is not of its column's type.
        """
        import polars as pl

        n_rows = max(256, CELLS_HELD // max(1, width(self.card.features) + len(self.card.inputs)))
        starts = range(0, max(frame.height, 1), n_rows)
        parts = [self._predict(frame.slice(start, n_rows), missing_ok, start) for start in starts]
        return pl.concat(parts)

    def labels(self, answers: Floats) -> Sequence[str] | Floats:
        """What each answer means: of two classes the positive one from the card's threshold on, else the likeliest."""
        classes = self.card.target.classes
        if self.card.target.problem == "regression":
            return answers
        if self.card.target.problem == "binary":
            return [classes[int(positive >= self.card.threshold)] for positive in answers[:, 1].tolist()]
        return [classes[best] for best in answers.argmax(axis=1).tolist()]

    def _predict(self, frame: pl.DataFrame, missing_ok: bool, first_row: int) -> pl.DataFrame:
        import polars as pl

        raw = inputs.taken(frame, self.card.inputs, missing_ok, first_row)
        answers = self.ask(matrix(expressions.with_declared(raw, self.card.features), self.card.features))
        labels = self.labels(answers)
        columns = {"prediction": pl.Series(labels, dtype=pl.String) if self.card.target.classes else pl.Series(labels)}
        for position, name in enumerate(self.card.target.classes):
            columns[f"probability_{name}"] = pl.Series(answers[:, position])
        return pl.DataFrame(columns)

    def _run(self, rows: Floats) -> Floats:
        return cast("Floats", self._session.run(self._outputs, {"X": rows})[0])


def _no_model(name: str, found: str) -> DataError:
    return DataError(
        f"The model file {name} cannot be used",
        expected="an ONNX file written by keepfit",
        found=found,
        action="Train and deploy again, or name another file",
    )
