"""Damaged files: bytes flipped, cut out, put in, doubled and swapped. Rows or a KeepfitError follow, nothing else."""

from __future__ import annotations

import io
import random
from pathlib import Path

import polars as pl
import pytest

from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import KeepfitError
from tasks.sources import Csv, Jsonl, Parquet

pytestmark = pytest.mark.usefixtures("open_store")

N_ROWS = 60
FRAME = pl.DataFrame(
    {
        "id": range(N_ROWS),
        "amount": [i / 7 if i % 5 else None for i in range(N_ROWS)],
        "text": [f'größe {i % 7}, "so"\n{"x" * (i % 11)}' for i in range(N_ROWS)],
        "flag": [i % 3 == 0 for i in range(N_ROWS)],
    }
)
KINDS = {"csv": Csv, "jsonl": Jsonl, "parquet": Parquet}


def whole(kind: str, number: int) -> bytes:
    """A good file; Parquet in several layouts."""
    file = io.BytesIO()
    if kind == "csv":
        FRAME.write_csv(file, separator=",;\t"[number % 3])
    elif kind == "jsonl":
        FRAME.write_ndjson(file)
    else:
        FRAME.write_parquet(file, compression=("zstd", "snappy", "uncompressed")[number % 3], row_group_size=25)
    return file.getvalue()


def damaged(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.randint(1, 5)):
        at, n = chance.randrange(max(len(data), 1)), chance.choice([1, 2, 8, 64, 500])
        match chance.randrange(5):
            case 0 if data:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + n]
            case 2:
                data[at:at] = chance.randbytes(n)
            case 3:
                data[at:at] = data[at : at + n]
            case _:
                other = chance.randrange(max(len(data), 1))
                data[at : at + n], data[other : other + n] = data[other : other + n], data[at : at + n]
    return bytes(data)


def survives(kind: str, seeds: range, path: Path) -> None:
    n_read = 0
    for seed in seeds:
        path.write_bytes(damaged(whole(kind, seed), random.Random(seed)))
        try:
            dataset = collect.fn(KINDS[kind](path=path))
            assert store.scan(dataset).collect().height == dataset.n_rows
            n_read += 1
        except KeepfitError as exc:
            assert path.name in str(exc), f"seed {seed}"
        except Exception as exc:
            raise AssertionError(f"seed {seed}") from exc
    # Of JSON lines a broken one goes into quarantine, and the others are read.
    assert n_read < len(seeds) or kind == "jsonl"


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_makes_a_traceback(kind: str, tmp_path: Path) -> None:
    survives(kind, range(100), tmp_path / f"a.{kind}")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_one_of_very_many_damaged_files_makes_a_traceback(kind: str, tmp_path: Path) -> None:
    survives(kind, range(100, 434), tmp_path / f"a.{kind}")
