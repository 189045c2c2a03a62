"""What counts as missing in a data set: found in all of its rows, column by column, or said by the project.

Texts are known words (`core/markers.py`), numbers and dates are what is one by convention and far from all the rest
(`core/sentinels.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tasks.core import markers, store
from tasks.core.records import Column, Dataset, Note, is_provenance
from tasks.core.sentinels import sentinels

if TYPE_CHECKING:
    import polars as pl


def with_markers(dataset: Dataset, said: Mapping[str, Sequence[str]], target: str | None = None) -> Dataset:
    """The data set whose columns know their `missing_values`, with a note on each that comes; rows stay as they are.

    `said` is what the project says of some columns. No number of the target is ever taken for a missing one.
    """
    known = {column.name: tuple(said[column.name]) for column in dataset.columns if column.name in said}
    asked = [column for column in dataset.columns if column.name not in known and not is_provenance(column.name)]
    words = _words(dataset, asked)
    found = {name: Counter(counts) for name, counts in words.items()}
    plain = [column for column in asked if column.name != target and not column.identifier]
    for name, counts in sentinels(dataset, plain, words).items():
        found.setdefault(name, Counter()).update(counts)
    found |= _counted(dataset, known)
    values = {name: tuple(marker for marker, _ in _commonest(counts)) for name, counts in found.items() if counts}
    values |= {name: tuple(markers.texts(each)) for name, each in known.items() if each}
    if not values:
        return dataset
    columns = tuple(
        column.model_copy(update={"missing_values": values.get(column.name, ())}) for column in dataset.columns
    )
    notes = tuple(
        Note(kind="missing", column=column.name, n_rows=n_rows, text=_told(marker, n_rows))
        for column in columns
        for marker, n_rows in _commonest(found.get(column.name, Counter()))
    )
    return dataset.model_copy(update={"columns": columns, "notes": (*dataset.notes, *notes)})


def _told(marker: str, n_rows: int) -> str:
    return f"{markers.named(marker)} {'once' if n_rows == 1 else f'{n_rows:,} times'}, counted as missing"


def _commonest(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(((marker, n_rows) for marker, n_rows in counts.items() if n_rows), key=lambda one: (-one[1], one[0]))


def _words(dataset: Dataset, columns: Sequence[Column]) -> dict[str, Counter[str]]:
    """The texts that stand for none, and how often, in columns of texts and in those that are meant as numbers."""
    import polars as pl

    stored = store.scan(dataset).collect_schema()
    texts = [column for column in columns if stored[column.name] == pl.String]
    if not texts:
        return {}

    def candidates(column: Column) -> pl.Expr:
        stripped = pl.col(column.name).str.strip_chars(markers.SPACES)
        if column.type == "text":
            known = list(markers.NO_TEXT.union(_spellings()))
            return stripped.filter(stripped.is_in(known))
        # `nan` is a number to polars.
        lower = stripped.filter(stripped.str.len_bytes() <= markers.LONGEST)
        return lower.filter(lower.str.to_lowercase().is_in(list(markers.NO_NUMBER)))

    found: dict[str, Counter[str]] = {}
    for column in texts:
        counted = store.scan(dataset).select(candidates(column).alias("text")).group_by("text").len()
        found[column.name] = Counter(dict(counted.collect(engine="streaming").iter_rows()))
    # A text that stands for none among a table's numbers does so among its texts.
    spoken = {word for column in texts if column.type != "text" for word in found[column.name]}
    for column in texts:
        if column.type == "text":
            counts = found[column.name]
            found[column.name] = Counter({word: n for word, n in counts.items() if word in markers.NO_TEXT | spoken})
    return found


def _spellings() -> Iterator[str]:
    for word in markers.NO_NUMBER:
        yield from (word, word.upper(), word.capitalize())


def _counted(dataset: Dataset, said: Mapping[str, Sequence[str]]) -> dict[str, Counter[str]]:
    """How often each marker comes that the project says."""
    import polars as pl

    scan = store.scan(dataset)
    stored = scan.collect_schema()
    asked = [(name, marker) for name, each in said.items() for marker in markers.texts(each)]
    gone = [markers.present(name, stored[name], [marker]) for name, marker in asked]
    counts = scan.select(
        (expr.null_count() - pl.col(name).null_count()).alias(str(place))
        for place, ((name, _), expr) in enumerate(zip(asked, gone, strict=True))
        if expr is not None
    )
    row = counts.collect(engine="streaming").row(0, named=True) if any(expr is not None for expr in gone) else {}
    found: dict[str, Counter[str]] = {}
    for place, (name, marker) in enumerate(asked):
        found.setdefault(name, Counter())[marker] = row.get(str(place), 0)
    return found
