"""Ways in which an example's files get spoilt: bytes, words, what lies inside an archive or a database, whole files."""

from __future__ import annotations

import gzip
import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

Mutation = Callable[[random.Random, bytes], bytes]

ODD_WORDS = (
    *(b"0", b"-1", b"9" * 30, b"1e400", b"nan", b"0x1F", b"1,5", b"2024-13-45", b"0001-01-01", b"9999-12-31T23:59:60Z"),
    *(b"null", b"true", b"~", b"''", b"[]", b"{}", b"&a", b"*a", b"!!set", b"x" * 5000, b"\xff\xfe", b"\0", b"\r"),
    *("\u202e".encode(), "٣".encode(), b"__row__", b"../..", b"${HOME}", b"${NONE}", b"a(b", b"[" * 2000),
)
ODD_CELLS = (None, "", "x", "NaN", "\0", -1, 2**62, 1e308, float("inf"), b"\xff\0", "2024-13-45", "0001-01-01")
ODD_NAMES = (b"\xff\xfe.%b", b"a\nb.%b", b".hidden.%b", b"%b", b"name.exe", b"'; [a]*?.%b")
LENIENT = "limit: 1.0\n"
FILES_AT_ONCE = 4


def flipped(luck: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(luck.choice((1, 3, 30))):
        changed[luck.randrange(len(changed))] ^= 1 << luck.randrange(8)
    return bytes(changed)


def cut(luck: random.Random, data: bytes) -> bytes:
    start, end = sorted(luck.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[end:]


def ended(luck: random.Random, data: bytes) -> bytes:
    """Sometimes nothing is left, as after a full disk."""
    return data[: luck.choice((0, luck.randrange(len(data)), luck.randrange(len(data))))]


def repeated(luck: random.Random, data: bytes) -> bytes:
    start, end = sorted(luck.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * luck.choice((1, 2)) + data[end:]


def filled(luck: random.Random, data: bytes) -> bytes:
    at = luck.randrange(len(data) + 1)
    return data[:at] + luck.choice((luck.randbytes(50), b"\0" * 50, b'"', b",,,\n", b"{[(", "ß…".encode())) + data[at:]


def swapped(luck: random.Random, data: bytes) -> bytes:
    first, second, third = sorted(luck.randrange(len(data) + 1) for _ in range(3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


def reworded(luck: random.Random, data: bytes) -> bytes:
    """A line for another, as an editor would spoil a text file."""
    lines = data.splitlines(keepends=True)
    lines[luck.randrange(len(lines))] = luck.choice(lines)[::-1] if luck.random() < 0.5 else luck.choice(lines)
    return b"".join(lines)


def misspoken(luck: random.Random, data: bytes) -> bytes:
    """A few words become odd ones, or others of the file: what is said can still be read, and is wrong."""
    for _ in range(luck.choice((1, 1, 5))):
        # Only a stretch is looked through: a file has up to a million words.
        start = luck.choice((0, luck.randrange(len(data))))
        words = list(re.finditer(rb"[\w.+-]+", data[start : start + 5000]))
        if not words:
            return data
        word, other = luck.choice(words), luck.choice(words)
        new = other.group() if luck.random() < 0.5 else luck.choice(ODD_WORDS)
        data = data[: start + word.start()] + new + data[start + word.end() :]
    return data


def renamed(luck: random.Random, data: bytes) -> bytes:
    """Every place of one word gets another: a key, a class or a column's name that is no longer there."""
    words = re.findall(rb"[\w.+-]+", data[:5000])
    if not words:
        return data
    return re.sub(rb"\b%b\b" % re.escape(luck.choice(words)), lambda _: luck.choice(ODD_WORDS[:20]), data)


MUTANTS: tuple[Mutation, ...] = (
    *(flipped, cut, ended, repeated, filled, swapped),
    *(reworded, misspoken, misspoken, renamed),
)


def spoil(luck: random.Random, folder: Path) -> tuple[str, list[Path]]:
    """Change one file, or a few where there are many: what was done, and the paths that `mend` puts back."""
    files = sorted(file for file in folder.rglob("*") if _is_data(file))
    said = [folder / "project.yaml", folder / "expectations.yaml"]
    data = [file for file in files if file not in said]
    match luck.random():
        case chance if chance < 0.3:
            chosen = [luck.choice(said)]
        case _:
            chosen = luck.sample(data, min(len(data), luck.choice((1, FILES_AT_ONCE))))
    told: list[str] = []
    touched = list(chosen)
    for file in chosen:
        if luck.random() < 0.12:
            how, new = _misplaced(luck, file, luck.choice(files))
            touched += new
        else:
            how = _changed(luck, file)
        told.append(f"{how} {file.relative_to(folder)}")
    if said[1] not in chosen and luck.random() < 0.4:
        # Else nearly all that is broken would end at the examples' own limits.
        said[1].write_text(LENIENT)
        touched.append(said[1])
        told.append("lenient")
    return ", ".join(told), touched


def mend(folder: Path, original: Path, touched: list[Path]) -> None:
    """Put back what `spoil` changed."""
    for path in touched:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in touched:
        if (before := original / path.relative_to(folder)).exists():
            shutil.copy2(before, path)


def _is_data(file: Path) -> bool:
    return file.is_file() and file.suffix not in (".py", ".md", ".pyc")


def _changed(luck: random.Random, file: Path) -> str:
    """Other bytes in the file; half of the time inside of what an archive or a database holds."""
    inside = luck.random() < 0.6
    if inside and file.suffix == ".sqlite":
        return _rewritten(luck, file)
    zipped = inside and file.suffix == ".gz"
    data = gzip.decompress(file.read_bytes()) if zipped else file.read_bytes()
    names: list[str] = []
    for _ in range(luck.choice((1, 1, 1, 3))):
        if data:
            mutate = luck.choice(MUTANTS)
            data = mutate(luck, data)
            names.append(mutate.__name__)
    file.write_bytes(gzip.compress(data, 1) if zipped else data)
    return " ".join(names) + (" within" if zipped else "")


def _rewritten(luck: random.Random, file: Path) -> str:
    """Cells, columns or tables of a database are not what they were."""
    with closing(sqlite3.connect(file, isolation_level=None)) as base:
        tables = [name for (name,) in base.execute("select name from sqlite_master where type = 'table' order by 1")]
        table = luck.choice(tables)
        column = luck.choice([row[1] for row in base.execute(f"pragma table_info({table})")])
        some = f"where hex({column}) like '%{luck.choice('0123456789')}%'"
        cells = f"update or ignore {table} set {column} = ? {luck.choice((some, ''))}"
        match luck.random():
            case chance if chance < 0.7:
                base.execute(cells, (value := luck.choice(ODD_CELLS),))
                return f"{cells} ({value!r})"
            case _:
                statement = luck.choice(
                    (
                        f"delete from {table} {luck.choice((some, ''))}",
                        f"drop table {table}",
                        f"alter table {table} rename to another",
                        f"alter table {table} rename column {column} to another",
                    )
                )
                base.execute(statement)
                return statement


def _misplaced(luck: random.Random, file: Path, other: Path) -> tuple[str, list[Path]]:
    """The whole file is gone, has another's place or name, or is something else; and the new paths."""
    content = other.read_bytes() if other.is_file() else b""
    match luck.choice(("gone", "another", "renamed", "folder", "link", "loop")):
        case "another":
            file.write_bytes(content)
            return f"{other.name} as", []
        case "renamed":
            name = luck.choice(ODD_NAMES).replace(b"%b", file.suffix.removeprefix(".").encode())
            new = file.with_name(os.fsdecode(name))
            file.rename(new)
            return f"{name!r} for", [new]
        case "folder":
            file.unlink()
            file.mkdir()
            return "a folder as", []
        case "link":
            file.unlink()
            file.symlink_to(file.parent / "nothing")
            return "a dangling link as", []
        case "loop":
            file.unlink()
            file.symlink_to(file.parent.parent if file.parent.name.isalnum() else file)
            return "a loop as", []
        case _:
            file.unlink()
            return "without", []
