"""What a package is: a folder with a model for somewhere else, and what is known of how it answers there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from tasks.core.errors import Refused, UsageError
from tasks.core.model_records import Champion
from tasks.core.records import Record
from tasks.exports.packages.front import Input
from tasks.exports.packages.rows import Compared
from tasks.exports.parity import TOLERANCE
from tasks.scoring.scorer import Scorer

Precision = Literal["float64", "float32"]
MOST_CHANGED = 0.01
"""Of a package in float32: rows with another prediction. A value at a tree's threshold may fall on its other side."""


@dataclass(frozen=True)
class Source:
    """The registered model that is taken elsewhere, open."""

    project: str
    model: Champion
    scorer: Scorer
    data: bytes
    serving: str = ""
    """How its project says that it is served, as the server of a container reads it (JSON)."""


class Output(Record):
    """One output: the predicted labels or values, or the probabilities in the order of `classes`."""

    name: str
    type: Literal["text", "number"]
    shape: tuple[str | int, ...]
    classes: tuple[str, ...] = ()


class Made(Record):
    """What was written: inputs and outputs as a host sees them, how the answers compare, what the host must know."""

    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    compared: Compared | None = None
    notes: tuple[str, ...] = ()


class Package(Record, ABC):
    """One kind of package with its options; `--to` names its `kind`."""

    precision: Precision = "float64"
    as_input: tuple[str, ...] = ()
    title: ClassVar[str]
    """What a message calls it."""

    @abstractmethod
    def write(self, source: Source, folder: Path) -> Made:
        """Write its files into the empty folder, and ask what was written the parity rows."""

    def require_plain(self, why: str) -> None:
        """UsageError when an option was given that the kind has no use for."""
        given = "--precision float32" if self.precision != "float64" else "--as-input" if self.as_input else ""
        if given:
            raise UsageError(f"{given} with {self.title}", found=why, action="Leave it out")


def require_alike(found: Compared, precision: Precision, what: str) -> None:
    """Refused when the package answers otherwise than the served model: then it must not be used."""
    if precision == "float64" and found.largest_difference > TOLERANCE:
        raise Refused(
            f"{what} answers otherwise than the served model",
            expected=f"a difference of at most {TOLERANCE:.0e} on {found.n_rows:,} rows",
            found=f"{found.largest_difference:.1e}",
            action="Nothing was written; report the model's families and features, or take `--to docker`",
        )
    if precision == "float32" and max(found.predictions_changed, _far(found)) > MOST_CHANGED * found.n_rows:
        raise Refused(
            f"{what} is too coarse in float32",
            expected=f"another prediction in at most {MOST_CHANGED:.0%} of {found.n_rows:,} rows",
            found=f"{max(found.predictions_changed, _far(found)):,} rows, by up to {found.largest_difference:.1e}",
            action="Leave `--precision float32` out",
        )


def _far(found: Compared) -> int:
    """Of values, not labels: the rows that differ by more than a hundredth."""
    return found.beyond_a_hundredth if found.predictions_changed == 0 else 0


def notes(inputs: Sequence[Input]) -> list[str]:
    """What a host must do before it asks: how to say that a value is missing, and what the graph does not compute."""
    told = ["A missing value is NaN, of texts the empty one. Truth values are 1 and 0."]
    if any(each.type == "date" for each in inputs):
        told.append("A date is its milliseconds since 1970-01-01T00:00Z; one without a zone is taken to be in UTC.")
    return told + [f"The host computes {each.name!r}: {each.by_host}" for each in inputs if each.by_host]
