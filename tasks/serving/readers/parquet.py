"""Rows as a Parquet file, answered as Arrow streams are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tasks.serving import frames
from tasks.serving.readers import pages
from tasks.serving.readers.apart import Apart, answer
from tasks.serving.readers.arrow import described, reader
from tasks.serving.readers.columns import MOST_DECODED, malformed, nested, too_large

if TYPE_CHECKING:
    import pyarrow as pa


def table_of(body: bytes) -> pa.Table:
    """The columns of the file, which is refused before its pages would fill memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with malformed("a Parquet file"):
        metadata = pq.read_metadata(pa.py_buffer(body))
        frames.check_number(metadata.num_rows)
        columns = [metadata.schema.column(place) for place in range(metadata.num_columns)]
        for field in metadata.schema.to_arrow_schema():
            if pa.types.is_nested(field.type):
                raise nested(field.name)
        for column in columns:
            if column.physical_type == "FIXED_LEN_BYTE_ARRAY" and column.length * metadata.num_rows > MOST_DECODED:
                raise too_large(MOST_DECODED)
        pages.check(body, metadata, MOST_DECODED)
        # A text that is there again and again stays so until its size is known.
        repeated = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
        with pq.ParquetFile(pa.py_buffer(body), read_dictionary=repeated) as file:
            return file.read(use_threads=False)


def main() -> None:
    """Read the bodies that another process hands over."""
    answer(table_of, "a Parquet file")


# A page can be changed so that a decoder of pyarrow crashes, and nothing of Python's would see it coming.
APART = Apart([sys.executable, "-c", f"from {__name__} import main; main()"], "Parquet file")

READERS = {"application/vnd.apache.parquet": reader(APART.read, described("A Parquet file"))}
