"""Collecting: nothing that a file can hold is lost or silently changed, and bad files are told where they are bad."""

from __future__ import annotations

import bz2
import datetime
import gzip
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tasks.collect import collect
from tasks.core import arrow, store
from tasks.core.errors import DataError
from tasks.core.records import Dataset
from tasks.sources import Csv, Parquet, Source, csv_table

pytestmark = pytest.mark.usefixtures("open_store")


def csv_file(folder: Path, content: str | bytes, name: str = "sales.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def types(dataset: Dataset) -> dict[str, tuple[str, int]]:
    return {column.name: (column.type, column.n_missing) for column in dataset.columns}


def values(dataset: Dataset) -> dict[str, list[object]]:
    return store.scan(dataset).collect().to_dict(as_series=False)


# What a CSV file may look like


def test_types_and_missing_values_are_misread(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "i,f,b,t,d,w,z,o\n"
        "1,1.5,true,x,2026-01-31,2026-01-31 10:00:00,2026-01-31T10:00:00+02:00,10:00\n"
        "NA,n/a,null,?,#N/A,,NaN,nan\n"
        "-3,2,False,NULL,1969-12-31,1969-12-31T23:59:59,2026-01-31T10:00:00Z,N/A\n",
    )
    dataset = collect.fn(Csv(path=path))
    assert types(dataset) == {
        "i": ("integer", 1),
        "f": ("number", 1),
        "b": ("boolean", 1),
        "t": ("text", 2),
        "d": ("date", 1),
        "w": ("date", 1),
        "z": ("date", 1),
        "o": ("text", 2),
    }
    assert values(dataset)["z"] == [datetime.datetime(2026, 1, 31, 8), None, datetime.datetime(2026, 1, 31, 10)]  # noqa: DTZ001
    assert values(dataset)["b"] == [True, None, False]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_delimiter_or_line_end_must_be_said(tmp_path: Path, delimiter: str, line_end: str) -> None:
    lines = (f"a{delimiter}b", f'1{delimiter}"x{delimiter}""y""{line_end}, z"', f"2{delimiter}")
    dataset = collect.fn(Csv(path=csv_file(tmp_path, line_end.join(lines))))
    assert values(dataset) == {"a": [1, 2], "b": [f'x{delimiter}"y"{line_end}, z', None]}


@pytest.mark.parametrize(("encoding", "said"), [("utf-8-sig", None), ("utf-16", None), ("latin-1", "latin-1")])
def test_names_or_texts_of_another_encoding_are_spoilt(tmp_path: Path, encoding: str, said: str | None) -> None:
    path = csv_file(tmp_path, 'größe ; "it\'s ""it"""\n1;é\n'.encode(encoding))
    assert values(collect.fn(Csv(path=path, encoding=said))) == {"größe": [1], '"it\'s ""it"""': ["é"]}


def test_names_with_spaces_quotes_and_other_scripts_are_lost(tmp_path: Path) -> None:
    path = csv_file(tmp_path, ' total rooms ,"say ""so""","a,b",日本,\n1,2,3,4,5\n')
    names = [column.name for column in collect.fn(Csv(path=path)).columns]
    assert names == ["total rooms", 'say "so"', "a,b", "日本", "column_5"]


def test_compressed_files_cannot_be_read(tmp_path: Path) -> None:
    plain = collect.fn(Csv(path=csv_file(tmp_path, "a\n1\n")))
    assert collect.fn(Csv(path=csv_file(tmp_path, gzip.compress(b"a\n1\n"), "a.csv.gz"))) == plain
    assert collect.fn(Csv(path=csv_file(tmp_path, bz2.compress(b"a\n1\n"), "a.csv.bz2"))) == plain


def test_a_later_value_that_the_first_block_did_not_foresee_is_fatal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_table, "BLOCK", 200)
    n_rows = 200
    lines = ["whole,date,flag,text,late,zone", *(f"{i},2026-01-31,true,x,,2026-01-01T00:00:00Z" for i in range(n_rows))]
    path = csv_file(tmp_path, "\n".join([*lines, "1.5,2026-01-31 10:00,yes,1,007,2026-01-01T00:00:00", "2,,,,,"]))
    dataset = collect.fn(Csv(path=path))
    assert types(dataset) == {
        "whole": ("number", 0),
        "date": ("date", 1),
        "flag": ("text", 1),
        "text": ("text", 1),
        "late": ("number", n_rows + 1),
        "zone": ("text", 1),
    }
    found = values(dataset)
    assert found["whole"][-2:] == [1.5, 2.0]
    assert found["date"][-2] == datetime.datetime(2026, 1, 31, 10)  # noqa: DTZ001
    assert found["flag"][-2] == "yes"
    assert found["late"][-2] == "007"


def test_a_number_column_with_a_little_text_in_it_is_text_for_ever(tmp_path: Path) -> None:
    mostly = "\n".join(["age,note", *(f" {i} ,{'x' if i % 2 else i}" for i in range(19)), "unknown,y", "NA,"])
    dataset = collect.fn(Csv(path=csv_file(tmp_path, mostly)))
    assert types(dataset) == {"age": ("number", 1), "note": ("text", 1)}
    assert store.scan(dataset).collect_schema()["age"] == pl.String
    assert values(dataset)["age"][-2] == "unknown"


def test_infinite_values_or_large_integers_change(tmp_path: Path) -> None:
    dataset = collect.fn(Csv(path=csv_file(tmp_path, "x,i\ninf,9223372036854775807\n-inf,1\n")))
    assert values(dataset) == {"x": [float("inf"), float("-inf")], "i": [9223372036854775807, 1]}


def test_one_row_or_ten_thousand_columns_are_too_few_or_too_many(tmp_path: Path) -> None:
    header = ",".join(f"column {i}" for i in range(10_000))
    path = csv_file(tmp_path, f"{header}\n{','.join(map(str, range(10_000)))}\n")
    dataset = collect.fn(Csv(path=path))
    assert (dataset.n_rows, len(dataset.columns)) == (1, 10_000)
    assert store.scan(dataset).select("column 9999").collect().item() == 9999


def test_a_last_value_with_a_line_end_is_taken_for_an_open_quote(tmp_path: Path) -> None:
    for end in ("", "\n", "\r\n\r\n"):
        dataset = collect.fn(Csv(path=csv_file(tmp_path, f'a,b\n1,"x\ny"{end}')))
        assert values(dataset)["b"] == ["x\ny"]
    assert values(collect.fn(Csv(path=csv_file(tmp_path, "a,b\n1,5' 6\"\n"))))["b"] == ["5' 6\""]


# What is refused


@pytest.mark.parametrize(
    ("content", "said", "parts"),
    [
        ("", {}, ["sales.csv is empty"]),
        (" \n\n", {}, ["sales.csv is empty"]),
        ("a,b", {}, ["sales.csv has no rows"]),
        ("a,b\n", {}, ["sales.csv has no rows"]),
        ("a,b,a, b,b\n1,2,3,4,5\n", {}, ["same name", "2 times 'a'", "3 times 'b'"]),
        ("a,b\n1,2\n\n3,4,5\n6\n", {}, ["line 4", "expected 2 fields", "found 3: '3,4,5', and 1 more"]),
        ('a,b\n1,"x\ny"\n3\n', {}, ["line 4", "expected 2 fields", "found 1: '3'"]),
        ('a,b\n"1,x\n2,y\n', {}, ["line 2", "found 1"]),
        ('a,b\n1,x\n2,"y\n3,z\n', {}, ["row 2 has a quote that is not closed", "'y\\n3,z\\n'"]),
        ('a,b\n1,5\n2,"6\n3,7', {}, ["row 2 has a quote that is not closed", "'6\\n3,7'"]),
        ("a;b\n1;2\n", {"delimiter": ","}, ["header of sales.csv is one field", "'a;b'", "`delimiter: ';'`"]),
        ("größe\n1\n".encode("latin-1"), {}, ["line 1 is not text in utf-8", "byte 2", "latin-1"]),
        ("a,b\n1,x\n2,é\n".encode("latin-1"), {}, ["line 3 is not text in utf-8", r"b'\xe9' at byte 10", "latin-1"]),
        ("a;b\n1;x\n".encode("utf-16-le"), {}, ["not text in utf-8", "zero byte at byte 1", "`encoding: utf-16`"]),
        ("a\n1\n", {"encoding": "klingon"}, ["encoding of sales.csv is not known", "'klingon'"]),
        (b"PK\x03\x04\xff\xfe\x00", {}, ["not text in utf-8"]),
    ],
)
def test_a_bad_file_is_not_told_where(
    tmp_path: Path, content: str | bytes, said: dict[str, str], parts: list[str]
) -> None:
    path = csv_file(tmp_path, content)
    with pytest.raises(DataError) as failure:
        collect.fn(Csv(path=path, **said))  # pyright: ignore[reportArgumentType]
    for part in parts:
        assert part in str(failure.value)


def test_a_byte_far_into_the_file_is_told_at_the_wrong_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "BLOCK", 1 << 16)
    lines = ["name", *(f"café {i}" for i in range(200_000))]
    content = "\n".join(lines).encode() + b"\n\xe9\n"
    with pytest.raises(DataError, match=rf"line 200002 is not text in utf-8.*at byte {len(content) - 2:,}"):
        collect.fn(Csv(path=csv_file(tmp_path, content)))


def test_a_missing_file_is_a_puzzle(tmp_path: Path) -> None:
    csv_file(tmp_path, "a\n1\n", "Titanic.csv")
    with pytest.raises(DataError, match=r"no titanc\.csv .*Perhaps 'Titanic\.csv' is meant"):
        collect.fn(Csv(path=tmp_path / "titanc.csv"))
    with pytest.raises(DataError, match="no folder"):
        collect.fn(Csv(path=tmp_path / "nowhere" / "titanic.csv"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no file to read"):
        collect.fn(Csv(path=tmp_path / "empty"))


def test_a_misspelt_option_of_a_source_is_ignored() -> None:
    adapter: TypeAdapter[Source] = TypeAdapter(Source)
    assert isinstance(adapter.validate_python({"kind": "parquet", "path": "/x"}), Parquet)
    for wrong in ({"kind": "csv", "path": "/x", "delimeter": ";"}, {"kind": "csvv", "path": "/x"}, {"path": "/x"}):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


# Parquet


def test_types_of_other_writers_are_not_made_equal(tmp_path: Path) -> None:
    zoned = pa.array([0, None], pa.timestamp("ns", "Europe/Berlin"))
    table = pa.table(
        {
            "i8": pa.array([1, None], pa.int8()),
            "f32": pa.array([0.5, None], pa.float32()),
            "decimal": pa.array([Decimal("1.25"), None]),
            "large": pa.array(["x", None], pa.large_string()),
            "levels": pa.array(["x", None]).dictionary_encode(),
            "codes": pa.array([7, None]).dictionary_encode(),
            "zoned": zoned,
            "day": pa.array([0, None], pa.date64()),
            "none": pa.nulls(2),
            "bytes": pa.array([b"\x00\xff", None], pa.large_binary()),
        }
    ).replace_schema_metadata({"made by": "somebody"})
    pq.write_table(table, tmp_path / "x.parquet")
    dataset = collect.fn(Parquet(path=tmp_path / "x.parquet"))
    assert [kind for kind, _ in types(dataset).values()] == [
        *("integer", "number", "number", "text", "text", "integer", "date", "date", "text", "binary")
    ]
    assert store.scan(dataset).collect().row(0)[:7] == (1, 0.5, 1.25, "x", "x", 7, datetime.datetime(1970, 1, 1))  # noqa: DTZ001


def test_files_of_a_folder_come_in_another_order_or_with_other_columns(tmp_path: Path) -> None:
    (data := tmp_path / "data").mkdir()
    for name, start in [("b", 2), ("a", 0)]:
        pq.write_table(pa.table({"i": [start, start + 1], "t": ["x", "y"]}), data / f"{name}.parquet")
    folder, pattern = Parquet(path=data), Parquet(path=data / "*.parquet")
    assert values(collect.fn(folder))["i"] == values(collect.fn(pattern))["i"] == [0, 1, 2, 3]
    pq.write_table(pa.table({"t": ["z"], "i": [4]}), data / "c.parquet")
    assert values(collect.fn(folder))["i"] == [0, 1, 2, 3, 4]
    pq.write_table(pa.table({"i": ["4"], "t": ["z"]}), data / "c.parquet")
    with pytest.raises(DataError, match=r"c\.parquet differs .* in column 'i': expected int64, found string"):
        collect.fn(folder)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (pa.table({"a": [1], "b": [[1, 2]]}), "'b' of x.parquet cannot be read.*found list"),
        (pa.table({"a": [{"b": 1}]}), "'a' of x.parquet cannot be read.*found struct"),
        (pa.table({"a": pa.array([2**63], pa.uint64())}), "'a' of x.parquet does not fit int64"),
        (pa.table([[1], [2]], names=["a", "a"]), "same name.*'a'"),
        (pa.table({"a": pa.array([], pa.int64())}), "has no rows"),
    ],
)
def test_a_parquet_table_that_is_none_of_ours_is_taken(tmp_path: Path, table: pa.Table, problem: str) -> None:
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(DataError, match=problem):
        collect.fn(Parquet(path=tmp_path / "x.parquet"))


def test_what_is_no_parquet_file_makes_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"x\.parquet cannot be read as Parquet"):
        collect.fn(Parquet(path=tmp_path / "x.parquet"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no file to read"):
        collect.fn(Parquet(path=tmp_path / "empty"))


# Equal rows are equal data sets

cells = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5).filter(lambda text: text.strip() == text),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.lists(cells, min_size=1, max_size=40), st.integers(1, 50), st.integers(1, 7))
def test_the_digest_depends_on_the_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: list[tuple[object, ...]], size: int, group: int
) -> None:
    monkeypatch.setattr(arrow, "GROUP_ROWS", group)
    table = pa.Table.from_arrays(
        [pa.array(column, kind) for column, kind in zip(zip(*found, strict=True), KINDS, strict=True)],
        names=["i", "f", "t"],
    )
    pq.write_table(table, tmp_path / "whole.parquet")
    pq.write_table(table, tmp_path / "cut.parquet", row_group_size=size, use_dictionary=False)
    whole, cut = (collect.fn(Parquet(path=tmp_path / f"{name}.parquet")) for name in ("whole", "cut"))
    assert whole == cut
    assert store.scan(whole).collect().rows() == found


KINDS = (pa.int64(), pa.float64(), pa.string())


def test_csv_and_parquet_of_the_same_rows_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame(
        {"i": range(5000), "t": [f"text {i % 7}" for i in range(5000)], "f": [i / 3 for i in range(5000)]}
    )
    frame.write_csv(tmp_path / "x.csv")
    frame.write_parquet(tmp_path / "x.parquet")
    one = collect.fn(Csv(path=tmp_path / "x.csv"))
    monkeypatch.setattr(csv_table, "BLOCK", 1000)
    assert collect.fn(Csv(path=tmp_path / "x.csv")) == one == collect.fn(Parquet(path=tmp_path / "x.parquet"))
    frame.reverse().write_csv(tmp_path / "y.csv")
    assert collect.fn(Csv(path=tmp_path / "y.csv")).digest != one.digest


def test_a_word_for_nothing_is_taken_for_it_in_silence(tmp_path: Path) -> None:
    file = csv_file(tmp_path, "age,city\n" + "31,Ulm\n?,NA\n?,Bonn\n" * 3)
    first = collect.fn(Csv(path=str(file)))
    told = {(note.column, note.n_rows): note.text for note in first.notes}
    assert {key: text.split()[0] for key, text in told.items()} == {("age", 6): "`?`", ("city", 3): "`NA`"}
    assert first.columns[0].n_missing == 6
    assert collect.fn(Csv(path=str(file))) == first, "an unchanged file makes another record"


def test_what_two_readings_tell_of_one_column_is_told_twice(tmp_path: Path) -> None:
    csv_file(tmp_path, "age,city\n" + "31,Ulm\n?,Bonn\n" * 3, "a.csv")
    source = Csv(path=str(tmp_path / "*.csv"))
    assert [note.n_rows for note in collect.fn(source).notes] == [3]
    csv_file(tmp_path, "age,city\n" + "35,Ulm\n?,Bonn\n" * 2, "b.csv")
    assert [(note.column, note.n_rows) for note in collect.fn(source).notes] == [("age", 5)]
