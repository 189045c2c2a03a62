"""Files: what `path` may name, what is new in it, and what a file that is odd, damaged or half written does."""

from __future__ import annotations

import bz2
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.collect import collect
from tasks.core import collected, store
from tasks.core.errors import DataError, Unavailable
from tasks.core.intake import Intake
from tasks.core.records import Dataset
from tasks.sources import Csv, Jsonl, Parquet

pytestmark = pytest.mark.usefixtures("open_store")


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda content: pa.compress(content, "zstd", asbytes=True),
}


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def values(dataset: Dataset) -> dict[str, list[Any]]:
    return store.scan(dataset).collect().to_dict(as_series=False)


def rejected(dataset: Dataset) -> list[tuple[str, str, bytes]]:
    return (
        pl.read_parquet(store.path(dataset.rejected.rows)).select("where", "reason", "content").rows()
        if (dataset.rejected)
        else []
    )


# What `path` may name


def test_a_list_a_folder_or_a_pattern_names_other_files(tmp_path: Path) -> None:
    for number, name in enumerate(("2024/a.csv", "2024/b.csv.gz", "2025/01/a.csv", "top.csv")):
        content = f"n\n{number}\n".encode()
        write(tmp_path / "in" / name, gzip.compress(content) if name.endswith(".gz") else content)
    for name in (".hidden.csv", "_SUCCESS.csv", "2024/notes.txt", "_tmp/c.csv"):
        write(tmp_path / "in" / name, "other\n9\n")
    root = tmp_path / "in"

    def taken(*places: str) -> list[int]:
        paths = tuple(str(root / place) for place in places)
        return values(collect.fn(Csv(path=paths if len(paths) > 1 else paths[0])))["n"]

    assert taken("") == taken("**/*.csv*") == [0, 1, 2, 3]
    assert taken("*.csv") == [3]
    assert taken("*/*.csv") == [0]
    assert taken("202?/**/a.csv") == [0, 2]
    assert taken("2025/**") == [2]
    assert taken("top.csv", "2024") == [3, 0, 1]
    assert taken("2024/a.csv", "2024/*.csv*") == [0, 1]
    (tmp_path / "data[1].csv").write_text("n\n5\n")
    assert values(collect.fn(Csv(path=tmp_path / "data[1].csv")))["n"] == [5]


def test_a_place_that_is_odd_makes_a_traceback_or_hangs(tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()

    def refused(place: Path, message: str) -> None:
        with pytest.raises(DataError, match=message):
            collect.fn(Csv(path=place))

    refused(root, "no file to read")
    refused(root / "*.csv", "no file to read")
    refused(tmp_path / "nowhere" / "*.csv", "There is no nowhere")
    os.mkfifo(root / "pipe.csv")
    refused(root / "pipe.csv", "a pipe or device")
    (root / "pipe.csv").unlink()
    (root / "gone.csv").symlink_to(tmp_path / "gone")
    refused(root, "is a link: expected a file behind it")
    refused(root / "gone.csv", "is a link: expected a file behind it")
    (root / "gone.csv").unlink()
    (root / "me.csv").symlink_to(root / "me.csv")
    refused(root / "me.csv", "link")
    (root / "me.csv").unlink()
    (root / "round").symlink_to(root)
    refused(root, "leads back")
    (root / "round").unlink()
    refused(root / ("x" * 300), "cannot be looked at")
    write(root / "a.csv", "n\n1\n")
    (tmp_path / "link").symlink_to(root)
    assert values(collect.fn(Csv(path=tmp_path / "link")))["n"] == [1]
    if os.geteuid():
        (root / "a.csv").chmod(0)
        refused(root, "may not be read")


# One schema


def test_files_that_go_together_are_refused_or_others_taken(tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", "i,d,e\n1,2024-01-01,\n")
    b = write(tmp_path / "b.csv", "e,d,i\nx,2024-01-01 10:00,1.5\n")
    write(tmp_path / "c.csv", "")
    write(tmp_path / "d.csv", "i,d,e\n")
    source = Csv(path=tmp_path)
    assert values(collect.fn(source))["i"] == [1.0, 1.5]
    assert values(collect.fn(source))["e"] == [None, "x"]
    for content, message in (
        ("i,d\n1,2024-01-01\n", r"e\.csv differs .* column 'e': expected string, found no such column"),
        ("i,d,e,f\n1,2024-01-01,x,1\n", r"e\.csv differs .* column 'f': expected no such column, found int64"),
        ("i,d,e\nx,2024-01-01,x\n", r"e\.csv differs .* column 'i': expected double, found string"),
    ):
        write(tmp_path / "e.csv", content)
        with pytest.raises(DataError, match=message):
            collect.fn(source)
        with pytest.raises(DataError, match=message):
            collect.fn(Csv(path=(str(a), str(b), str(tmp_path / "e.csv"))))


def test_article_numbers_lose_their_zeros(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,n\n007,1\n")
    assert values(collect.fn(Csv(path=path, text=("id",)))) == {"id": ["007"], "n": [1]}
    with pytest.raises(DataError, match="no column 'no'"):
        collect.fn(Csv(path=path, text=("no",)))


# What is new


def write_ids(kind: str, path: Path, ids: list[Any]) -> None:
    frame = pl.DataFrame({"id": ids})
    part = path.with_suffix(".part")
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}[kind](part)
    part.replace(path)


@pytest.mark.parametrize("kind", [Csv, Jsonl, Parquet])
def test_new_files_are_taken_twice_or_not_at_all(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = kind.model_fields["kind"].default
    folder = tmp_path / "in"
    folder.mkdir()
    write_ids(name, folder / f"b.{name}", [1, 2])
    source = kind(path=folder)
    first = collect.fn(source)
    assert collect.fn(source) == first
    write_ids(name, folder / f"a.{name}", [3])
    opened: list[str] = []
    plain = pa.input_stream
    monkeypatch.setattr(pa, "input_stream", lambda path, **more: opened.append(Path(path).name) or plain(path, **more))
    assert values(collect.fn(source))["id"] == [1, 2, 3]
    assert f"b.{name}" not in opened
    # One that was taken has changed: all is read anew, by name.
    write_ids(name, folder / f"b.{name}", [1, 2, 4])
    assert values(collect.fn(source))["id"] == [3, 1, 2, 4]
    (folder / f"a.{name}").unlink()
    assert values(collect.fn(source))["id"] == [1, 2, 4]
    # A wider type: the rows before have it too.
    write_ids(name, folder / f"c.{name}", [0.5])
    widened = collect.fn(source)
    assert values(widened)["id"] == [1.0, 2.0, 4.0, 0.5]
    assert collect.fn(source, anew=True) == widened == collect.fn(source)
    (folder / f"b.{name}").unlink()
    (folder / f"c.{name}").unlink()
    with pytest.raises(DataError, match="no file to read"):
        collect.fn(source)


def test_a_plain_file_that_grew_is_not_read(tmp_path: Path) -> None:
    source = Csv(path=write(tmp_path / "a.csv", "n\n1\n"))
    assert values(collect.fn(source))["n"] == [1]
    write(tmp_path / "a.csv", "n\n1\n2\n")
    assert values(collect.fn(source))["n"] == [1, 2]


def test_a_file_that_is_being_written_spoils_the_rows(tmp_path: Path) -> None:
    source = Csv(path=tmp_path)
    write(tmp_path / "a.csv", "a,b\n1,2\n")
    write(tmp_path / "b.csv", "a,b\n3,4\n5")
    dataset = collect.fn(source)
    assert values(dataset)["a"] == [1, 3]
    assert rejected(dataset) == [("b.csv, last line", "the file ends within this line", b"5")]
    write(tmp_path / "b.csv", "a,b\n3,4\n5,6\n")
    dataset = collect.fn(source)
    assert values(dataset)["a"] == [1, 3, 5] and dataset.rejected is None
    write(tmp_path / "b.csv", "a,b\n3\n5,6\n7")
    with pytest.raises(DataError, match="line 2 does not have"):
        collect.fn(source)
    write(tmp_path / "b.csv", "a,b\n3\n5,6\n")
    with pytest.raises(DataError, match="line 2 does not have"):
        collect.fn(source)


# CSV as it comes


def test_a_european_file_is_misread_or_not_shown(tmp_path: Path) -> None:
    text = "preis;größe;tausend;n\n1,5;x;1,234\n;y;-2,5;\n".replace("1,234\n", "1,234;7\n")
    source = Csv(path=write(tmp_path / "a.csv", text.encode("cp1252")), encoding="cp1252")
    assert values(collect.fn(source)) == {
        "preis": [1.5, None],
        "größe": ["x", "y"],
        "tausend": [1.234, -2.5],
        "n": [7, None],
    }
    assert collected.described(source) == "semicolon, cp1252, decimal comma"
    with pytest.raises(DataError, match=r"`encoding: cp1252`.* this place is 'preis;größe"):
        collect.fn(Csv(path=tmp_path / "a.csv"))
    thousands = Csv(path=write(tmp_path / "b.csv", "a\tb\n1,234\t1.5\n"))
    assert values(collect.fn(thousands)) == {"a": ["1,234"], "b": [1.5]}
    assert collected.described(thousands) == "tab, utf-8"
    assert values(collect.fn(thousands.model_copy(update={"decimal": ","})))["a"] == [1.234]


def test_a_value_longer_than_a_block_is_fatal(tmp_path: Path) -> None:
    long = "x" * (5 << 20)
    path = write(tmp_path / "a.csv", f'a,b\n1,2\n2,"{long}"\n3,4\n')
    assert values(collect.fn(Csv(path=path)))["b"] == ["2", long, "4"]
    path = write(tmp_path / "b.csv", f"a\n{long}\n")
    assert values(collect.fn(Csv(path=path)))["a"] == [long]


@pytest.mark.parametrize("ending", ["gz", "bz2", "zst"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_compressed_file_that_is_cut_off_passes_for_whole(tmp_path: Path, ending: str, kind: str) -> None:
    rows = "n\n" + "1\n" * 1000 if kind == "csv" else '{"n": 1}\n' * 1000
    packed = PACKED[ending](rows.encode())
    source = {"csv": Csv, "jsonl": Jsonl}[kind](path=write(tmp_path / f"a.{kind}.{ending}", packed))
    assert collect.fn(source).n_rows == 1000
    write(tmp_path / f"a.{kind}.{ending}", packed[:-9])
    with pytest.raises(DataError, match=rf"a\.{kind}\.{ending} cannot be read to its end"):
        collect.fn(source)


# Addresses


def test_files_at_an_address_are_others_than_here(tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    for name, n in (("b.csv", 1), ("a.csv", 2), ("x/c.csv", 3), ("_no.csv", 4), ("note.txt", 5)):
        memory.pipe(f"/files/{name}", f"n\n{n}\n".encode())
    assert values(collect.fn(Csv(path="memory://files/b.csv")))["n"] == [1]
    source = Csv(path="memory://files/")
    assert values(collect.fn(source))["n"] == [2, 1, 3]
    assert values(collect.fn(Csv(path="memory://files/*.csv")))["n"] == [2, 1]
    memory.pipe("/files/0.csv", b"n\n6\n")
    assert values(collect.fn(source))["n"] == [2, 1, 3, 6]
    memory.pipe("/files/a.csv", b"n\n7\n")
    assert values(collect.fn(source))["n"] == [6, 7, 1, 3]
    pq.write_table(pa.table({"n": [1]}), tmp_path / "a.parquet")
    memory.put(str(tmp_path / "a.parquet"), "/files/a.parquet")
    assert values(collect.fn(Parquet(path="memory://files/*.parquet")))["n"] == [1]
    with pytest.raises(DataError, match="nothing at memory://no"):
        collect.fn(Csv(path="memory://no.csv"))
    with pytest.raises(DataError, match="The address what://x"):
        collect.fn(Csv(path="what://x"))
    with pytest.raises((Unavailable, DataError), match="http"):
        collect.fn(Csv(path="http://127.0.0.1:9/x.csv"))
    memory.rm("/files", recursive=True)


# JSON lines


def lines(path: Path, *rows: object) -> Jsonl:
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    return Jsonl(path=write(path, text + "\n"))


def test_what_the_first_block_did_not_foresee_is_fatal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.sources.json_lines.BLOCK", 100)
    first = [{"i": i, "t": "2024-01-01", "m": i, "o": {"x": 1}} for i in range(50)]
    source = lines(
        tmp_path / "a.jsonl", *first, {"i": 1.5, "t": "soon", "m": "x", "o": {"x": 2, "y": {"z": "k"}}, "new": True}
    )
    found = values(collect.fn(source))
    assert found["i"][-2:] == [49.0, 1.5]
    assert found["t"][-2:] == ["2024-01-01", "soon"]
    assert found["m"][-2:] == ["49", "x"]
    assert found["o.x"][-1] == 2 and found["o.y.z"][-2:] == [None, "k"]
    assert found["new"][-2:] == [None, True]


def test_broken_lines_stop_everything_or_vanish(tmp_path: Path) -> None:
    good = [{"i": i, "t": f"é {i}"} for i in range(3)]
    bad = ["{", "[1]", "5", '{"i": 1, "i": 2}', '{"i": "\\ud800"}', '{"i":1}x', '{"a":' * 100 + "1" + "}" * 100]
    source = lines(tmp_path / "a.jsonl", good[0], "", *bad, good[1], "  ", good[2])
    dataset = collect.fn(source)
    assert values(dataset) == {"i": [0, 1, 2], "t": ["é 0", "é 1", "é 2"]}
    assert [(where, reason) for where, reason, _ in rejected(dataset)] == [
        ("a.jsonl, line 3", "not a JSON object"),
        ("a.jsonl, line 4", "not a JSON object"),
        ("a.jsonl, line 5", "not a JSON object"),
        ("a.jsonl, line 6", "a key is there twice"),
        ("a.jsonl, line 7", "not text in UTF-8"),
        ("a.jsonl, line 8", "not a JSON object"),
        ("a.jsonl, line 9", "nested more than 64 deep"),
    ]
    with (tmp_path / "a.jsonl").open("ab") as file:
        file.write(b'{"i": "\xff"}\n{"i": 3, "t"')
    dataset = collect.fn(source)
    assert [where for where, _, _ in rejected(dataset)][-2:] == ["a.jsonl, line 13", "a.jsonl, line 14"]
    with pytest.raises(DataError, match="line 1 and 1 more lines are no rows"):
        collect.fn(lines(tmp_path / "b.jsonl", "a,b", "1,2"))


@pytest.mark.parametrize("sign", ["{", "["])
@pytest.mark.parametrize("depth", [1_000, 1_000_000])
def test_deep_nesting_kills_the_process(tmp_path: Path, sign: str, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth if sign == "{" else '{"a":' + "[" * depth + "]" * depth + "}"
    dataset = collect.fn(lines(tmp_path / "a.jsonl", {"a": 1}, deep))
    assert dataset.n_rows == 1
    assert [reason for _, reason, _ in rejected(dataset)] == ["nested more than 64 deep"]


def test_marks_line_ends_and_long_lines_are_broken_lines(tmp_path: Path) -> None:
    long = "x" * (20 << 20)
    content = "\ufeff" + "\r\n".join(['{"t": "a"}', json.dumps({"t": long}), '{"t": null}', ' {"t": "b"} '])
    assert values(collect.fn(Jsonl(path=write(tmp_path / "a.jsonl", content))))["t"] == ["a", long, None, "b"]


def test_lists_are_spoilt_without_a_word(tmp_path: Path) -> None:
    for rows in ([{"a": [1]}], [{"a": 1}, {"a": [1]}], [{"o": {"a": []}}]):
        with pytest.raises(DataError, match=r"a' of a\.jsonl cannot be read.* found a list"):
            collect.fn(lines(tmp_path / "a.jsonl", *rows))


def test_reading_a_large_parquet_file_holds_more_of_it_the_further_it_comes(tmp_path: Path) -> None:
    file = tmp_path / "large.parquet"
    numbers = pa.table({"x": np.random.default_rng(0).normal(size=4_000_000)})
    pq.write_table(numbers, file, row_group_size=100_000)
    del numbers
    before, held = pa.total_allocated_bytes(), []
    for batch in Parquet(path=str(file)).batches(Intake()):
        held.append(pa.total_allocated_bytes() - before)
        del batch
    assert max(held) < file.stat().st_size / 2
