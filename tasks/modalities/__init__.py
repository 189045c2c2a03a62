"""What rows are made of. A table's columns (`tabular.py`) are one column of the matrix each; the modalities in
this registry are wider. A new one is one file with one class, and one line here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tasks.core.cells import IsReadable
from tasks.core.records import BYTES, Column, ColumnType, FeatureKind
from tasks.modalities.image import Image
from tasks.modalities.modality import Modality
from tasks.modalities.sentences import Sentences
from tasks.modalities.sound import Sound
from tasks.modalities.text import Text

MODALITIES: Mapping[FeatureKind, Modality] = {
    modality.kind: modality for modality in (Text(), Sentences(), Image(), Sound())
}
"""By the kind of their features."""


def reading(column_type: ColumnType) -> Modality | None:
    """The modality that reads raw columns of this type; texts as counts, unless the project asks for another."""
    return next((modality for modality in MODALITIES.values() if modality.column_type == column_type), None)


def readable(columns: Iterable[Column]) -> list[IsReadable]:
    """That the bytes of every column of images or sounds can be read."""
    known = ((column, reading(column.type)) for column in columns if column.type in BYTES)
    return [IsReadable.of(column, modality.fault) for column, modality in known if modality is not None]
