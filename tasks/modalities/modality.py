"""What a modality says of its columns: which view of a value a model gets, and what is fitted on that view.

The view is stateless: it is a function of the value and of the feature's settings, the same in training and serving,
for all rows and for one. It fills `feature.width` columns of the matrix. What depends on other rows (weights,
components) is fitted by the modality's `front` on the rows of each fit alone, and exported with the model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from tasks.core.records import ColumnType, Dataset, Feature, FeatureKind, Note

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

View: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
"""The numbers of one value (feature.width,), or of many (n_rows, feature.width)."""
Wants = Literal["compact", "wide"]
"""What a model family can take: few dense columns, or many."""


class Modality(ABC):
    """A kind of column whose values fill several columns of the matrix: text, images, sounds."""

    kind: ClassVar[FeatureKind]
    column_type: ClassVar[ColumnType]
    """The type of the raw columns that it looks at."""
    strange: ClassVar[tuple[float, ...]] = (0.0,)
    """Extreme values that a column of the view can have, for the parity check."""
    watched: ClassVar[tuple[str, ...]] = ()
    """What `drift_view` measures of a value, in words of people."""

    @abstractmethod
    def feature(self, train: Dataset, column: str, expression: str | None) -> Feature | Note:
        """The feature that this column of the training rows makes, or the reason why it makes none."""

    @abstractmethod
    def encoder(self, feature: Feature) -> Callable[[Any], View]:
        """A function from one value to its `feature.width` floats; a missing value gives NaN in all of them.

        It raises DataError for a value that cannot be read.
        """

    def encode(self, feature: Feature, values: pl.Series) -> View:
        """The view of many values, float64 (n_rows, feature.width); equal to the encoder's."""
        import numpy as np

        encoder = self.encoder(feature)
        return np.array([encoder(value) for value in values], np.float64).reshape(len(values), feature.width)

    @abstractmethod
    def front(self, feature: Feature, wants: Wants, seed: int) -> Any:
        """An unfitted scikit-learn transformer from the view to finite columns of comparable size."""

    def drift_view(self, feature: Feature, values: pl.Series) -> View:
        """What drift is looked for in, float64 (n_rows, len(watched)); NaN for a value that is missing or unreadable.

        Few figures that a person can check, since of hundreds of columns each has its share of the false alarms.
        """
        import numpy as np

        return np.empty((len(values), 0))

    def fault(self, value: bytes) -> str | None:
        """Why a value of a raw column cannot be read; None when it can."""
        return None

    def sample(self, values: pl.Series) -> pl.Series:
        """The same values, made small where they only serve as examples in the model's card."""
        return values


def dropped(column: str, n_rows: int, why: str) -> Note:
    """The note on a column that makes no feature."""
    return Note(kind="dropped_column", column=column, n_rows=n_rows, text=why)
