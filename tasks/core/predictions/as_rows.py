"""The labelled rows of the prediction log in the source's types, and what there is to tell of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import polars as pl

from tasks.core import arrow, outcomes, store
from tasks.core.errors import DataError
from tasks.core.predictions import media, reading, spoilt, typed
from tasks.core.predictions.known import Known
from tasks.core.predictions.labelled import ANSWERED, Labelled
from tasks.core.predictions.layout import folder_of
from tasks.core.records import Dataset, Note
from tasks.core.targets import FEW

if TYPE_CHECKING:
    import pyarrow as pa

HEAVY_ROWS = 64
"""Rows of images or sounds that are in memory at once."""
SHOWN = 5


class Rows:
    """The labelled rows of days, in the source's types, and what there is to tell of them."""

    def __init__(self, source: Dataset, section: Labelled) -> None:
        self.missing: Counter[str] = Counter()
        self.n_rows = 0
        self._source = source
        self._section = section
        self._schema = store.schema(source)
        self._heavy = [field.name for field in self._schema if str(field.type) == "binary"]
        self._classes = _classes(source, section)
        self._known = Known(source, section.target, section.key)
        self._spoilt = spoilt.days(section.project)
        self._left_out: Counter[str] = Counter()
        self._hashed: Counter[str] = Counter()
        self._unlogged: Counter[str] = Counter()

    def of_day(self, day: date) -> Iterator[pa.RecordBatch]:
        """The labelled rows of a UTC day, by the time at which they were asked."""
        since = datetime.combine(day, time(), UTC)
        frames: list[pl.DataFrame] = []
        batches = reading.read(store.home(), self._section.project, since, since + timedelta(days=1), roles=ANSWERED)
        for batch in batches:
            frame = self._typed(batch)
            if frame.height:
                frames.append(frame)
        if not frames:
            return
        found = pl.concat(frames).sort("__time__", "__id__").select(self._schema.names)
        for part in found.iter_slices(HEAVY_ROWS) if self._heavy else [found]:
            whole = self._with_bytes(part)
            self.n_rows += whole.height
            for name in self._schema.names:
                self.missing[name] += whole[name].null_count()
            table = whole.to_arrow(compat_level=pl.CompatLevel.oldest())
            for batch in table.combine_chunks().to_batches():
                yield arrow.cast(batch, self._schema, "the prediction log")

    def notes(self) -> list[Note]:
        """What came, what was left out and why, and what the log does not hold."""
        notes: list[Note] = []
        if self.n_rows:
            text = "answered rows of the prediction log whose outcome came"
            notes.append(Note(kind="labelled", column=None, n_rows=self.n_rows, text=text))
        for name, n_rows in self._hashed.items():
            text = f"hashed in the prediction log; missing in its rows. `serve: {{log: {{columns: {{{name}: keep}}}}}}`"
            notes.append(Note(kind="labelled", column=name, n_rows=n_rows, text=text))
        if self._unlogged:
            names = ", ".join([*self._unlogged][:SHOWN]) + (", …" if len(self._unlogged) > SHOWN else "")
            text = f"not in the prediction log; missing in its rows: {names}"
            notes.append(Note(kind="labelled", column=None, n_rows=max(self._unlogged.values()), text=text))
        for reason, n_rows in self._left_out.most_common():
            text = f"rows of the prediction log {reason}; left out"
            notes.append(Note(kind="labelled", column=None, n_rows=n_rows, text=text))
        return notes

    def _typed(self, batch: pa.RecordBatch) -> pl.DataFrame:
        """The usable rows of a logged batch whose outcome is known; bytes as digests still."""
        import pyarrow as pa

        told = outcomes.joined(pa.Table.from_batches([batch]), self._section.project)
        answered = pl.DataFrame(told).filter(pl.col("__outcome__").is_not_null())
        logged = spoilt.without(answered, self._spoilt)
        self._left_out += Counter({"of days whose feed was broken": answered.height - logged.height})
        if not logged.height:
            return logged
        section, schema = self._section, self._schema
        hashed = typed.hashed(batch.schema)
        plain = [name for name in schema.names if name in logged.columns and name not in hashed]
        frame = typed.as_source(logged, schema, plain, section.key).with_columns(
            typed.fitted(logged["__outcome__"], schema.field(section.target).type).alias(section.target),
            logged["__time__"],
            logged["__id__"],
        )
        filled = {section.target, *section.key, section.part}
        if section.time is not None and section.time not in plain:
            moment = typed.moment(logged["__time__"], schema.field(section.time).type)
            frame = frame.with_columns(moment.alias(section.time))
            filled |= {section.time} if moment.null_count() < len(moment) else set()
        if section.part is not None:
            frame = frame.with_columns(
                pl.lit(typed.fitted(pl.Series(["train"]), schema.field(section.part).type)[0]).alias(section.part)
            )
        lacking = [name for name in schema.names if name not in plain and name not in filled]
        frame = self._usable(frame, logged.select(sorted(hashed & {*schema.names})), plain, lacking)
        for name in lacking if frame.height else ():
            counted = self._hashed if name in hashed else self._unlogged
            counted[name] += frame.height
        return frame

    def _usable(self, frame: pl.DataFrame, hashes: pl.DataFrame, plain: list[str], lacking: list[str]) -> pl.DataFrame:
        """Without the rows that lack what they need, and those that the source has."""
        section = self._section
        needs = [section.time, *section.needed] if section.time else section.needed
        if short := [name for name in needs if name in lacking]:
            keep = f"`serve: {{log: {{columns: {{{short[0]}: keep}}}}}}` keeps it" if short[0] in hashes.columns else ""
            why = f"without {', '.join(short)}, which the log does not hold"
            self._left_out[f"{why} ({keep})" if keep else why] += frame.height
            return frame.clear()
        said = frame[section.target]
        fits = (said.is_not_null() if self._classes is None else said.is_in(self._classes.implode())).fill_null(False)
        new = ~pl.Series(self._known.holds(frame, hashes, plain))
        self._left_out += Counter({f"whose outcome is no {section.target} of the source": int((~fits).sum())})
        self._left_out += Counter({"that the source holds already": int((fits & ~new).sum())})
        return frame.filter(fits & new)

    def _with_bytes(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with images and sounds in place of their digests, without the rows whose bytes are gone."""
        folder = folder_of(store.home(), self._section.project)
        for name in self._heavy:
            found: list[bytes | None] = []
            for digest in frame[name]:
                try:
                    found.append(media.load(folder, digest) if digest is not None else None)
                except DataError:
                    found.append(None)
            values = pl.Series(name, found, pl.Binary)
            gone = values.is_null() & frame[name].is_not_null()
            self._left_out += Counter({f"whose {name} is gone": int(gone.sum())})
            frame = frame.with_columns(values).filter(~gone)
        return frame


def _classes(source: Dataset, section: Labelled) -> pl.Series | None:
    """The target's values in the source where they are classes; what else comes is a mistake, and no new class."""
    values = store.scan(source).select(section.target).unique().collect(engine="streaming")[section.target].drop_nulls()
    if section.problem == "regression" or values.dtype.is_float():
        return None
    return None if values.dtype.is_integer() and len(values) > FEW else values
