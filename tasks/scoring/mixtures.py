"""Rows of a model's matrix that are made of two rows: some input columns of the one, the others of the other.

Each feature is encoded once for either row, and only a feature that is declared upon several columns anew for their
mixtures: to encode an image or a text takes longer than to ask the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.core.expressions import declared_row, names_in
from tasks.core.records import Feature
from tasks.modalities import matrix

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Masks = np.ndarray[Any, np.dtype[np.bool_]]
    Row = Mapping[str, Any]


class Mixtures:
    """Mixtures of one row with each of the background's, values by input column."""

    def __init__(self, features: Sequence[Feature], row: Row, background: Sequence[Row]) -> None:
        import numpy as np

        needs = [sorted(names_in(each.expression)) if each.expression else [each.name] for each in features]
        self.columns = list(dict.fromkeys(name for names in needs for name in names))
        self.n_background = len(background)
        self._values = [row, *background]
        self._encode = _encoder(features)
        encoded = np.array([self._encode(values) for values in self._values])
        self.row, self._background = encoded[:1], encoded[1:]
        """The row itself, encoded (1, width)."""
        at = {name: position for position, name in enumerate(self.columns)}
        self._column = np.zeros(encoded.shape[1], np.intp)
        """For each column of the matrix the input column that it is made of, but for those in `_several`."""
        self._several: list[tuple[slice, list[str], Callable[[Row], list[float]]]] = []
        for feature, span, names in zip(features, matrix.spans(features), needs, strict=True):
            if len(names) == 1:
                self._column[span] = at[names[0]]
            else:
                self._several.append((span, names, _encoder([feature])))

    def mixed(self, masks: Masks, number: int) -> Floats:
        """A row a mask (n, n_columns): where it is true the row's value, else that of the background's `number`."""
        import numpy as np

        found = np.where(masks[:, self._column], self.row, self._background[number])
        for span, names, encode in self._several:
            used = [self.columns.index(name) for name in names]
            ways, which = np.unique(masks[:, used], axis=0, return_inverse=True)
            mixed = [
                {name: self._values[0 if own else 1 + number].get(name) for name, own in zip(names, way, strict=True)}
                for way in ways.tolist()
            ]
            found[:, span] = np.array([encode(values) for values in mixed])[which]
        return found

    def of_texts(self, texts: Sequence[str]) -> Floats:
        """The row with each of these texts as its only column."""
        import numpy as np

        return np.array([self._encode({self.columns[0]: text}) for text in texts])


def _encoder(features: Sequence[Feature]) -> Callable[[Row], list[float]]:
    declared, floats = declared_row(features), matrix.row(features)
    return lambda values: floats(declared(dict(values)))
