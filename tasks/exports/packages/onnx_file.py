"""One ONNX file over raw columns, for whatever runs onnxruntime: phones, desktops, services in any language."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from tasks.exports.packages import rows
from tasks.exports.packages.package import Made, Output, Package, Source, notes, require_alike
from tasks.exports.packages.whole import Whole, is_single, whole
from tasks.scoring.scorer import Scorer

FILE = "model.onnx"


class OnnxFile(Package):
    """`model.onnx`, with inputs named by the raw columns and outputs `prediction` and `probabilities`."""

    kind: Literal["onnx"] = "onnx"
    title: ClassVar[str] = "an ONNX file"

    def write(self, source: Source, folder: Path) -> Made:
        """The file alone: everything that a host must know besides is in the manifest."""
        return written(self, source, folder)


def written(package: Package, source: Source, folder: Path) -> Made:
    """Write the file into the folder, and ask it the parity rows."""
    scorer = source.scorer
    made = graph(package, source)
    data = made.model.SerializeToString(deterministic=True)
    (folder / FILE).write_bytes(data)
    frame = rows.strange(scorer.card)
    predictions, probabilities = asked(made, data, scorer, frame, package.precision)
    found = rows.compared(scorer.predict(frame), predictions, probabilities)
    require_alike(found, package.precision, "The ONNX file")
    return Made(inputs=made.inputs, outputs=described(scorer, made), compared=found, notes=tuple(notes(made.inputs)))


def graph(package: Package, source: Source) -> Whole:
    """The model over raw columns, as the package wants it."""
    # The card is not told: its sample rows are training data, which do not belong on other people's machines.
    told = {"keepfit.project": source.project, "keepfit.version": source.model.version}
    told["keepfit.digest"] = source.model.artifact.digest
    return whole(source.scorer, source.data, package.as_input, package.precision, told)


def asked(made: Whole, data: bytes, scorer: Scorer, frame: Any, precision: str) -> tuple[Any, Any]:
    """What onnxruntime answers to the rows: predictions, and probabilities where there are classes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    given = rows.feeds(frame, scorer.card, made.inputs)
    for each in made.inputs:
        if is_single(each, precision) and each.type != "text":
            with np.errstate(over="ignore"):
                given[each.name] = given[each.name].astype(np.float32)
    found = dict(zip(made.outputs, session.run(list(made.outputs.values()), given), strict=True))
    return np.asarray(found["prediction"]).tolist(), found.get("probabilities")


def described(scorer: Scorer, made: Whole) -> tuple[Output, ...]:
    """The outputs as the manifest tells them."""
    classes = scorer.card.target.classes
    label = Output(name=made.outputs["prediction"], type="text" if classes else "number", shape=("n",))
    if not classes:
        return (label,)
    shape = ("n", len(classes))
    return (label, Output(name=made.outputs["probabilities"], type="number", shape=shape, classes=classes))
