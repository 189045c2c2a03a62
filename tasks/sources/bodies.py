"""The records of one page: JSON objects flattened to `a.b`, the lines of JSON lines, or the rows of a CSV text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import JsonValue

from tasks.core.errors import DataError
from tasks.sources.csv import MISSING
from tasks.sources.csv_body import header_and_lines
from tasks.sources.paging import found
from tasks.sources.requesting import Answer
from tasks.sources.veil import Veil

Format = Literal["json", "csv", "jsonl"]
Row = dict[str, Any]
"""Column to value: null, truth value, number or text; of a CSV text, text alone."""


@dataclass(frozen=True)
class Misfit:
    """Something among the records that can be no row: which one, why, and what it holds."""

    number: int
    reason: str
    content: str


@dataclass(frozen=True)
class Records:
    """A page's rows in order, once; its whole body when it is JSON, and the path where the rows were in it."""

    rows: Iterator[Row | Misfit]
    body: JsonValue = None
    path: str | None = None


def records(answer: Answer, form: Format, path: str | None, encoding: str | None, veil: Veil) -> Records:
    """What the answer holds; DataError with the beginning of it when that is something else."""
    with answer.path.open("rb") as file:
        start = file.read(4096)
    if answer.content_type in ("text/html", "application/xhtml+xml") or start.lstrip().startswith(b"<"):
        raise _other(answer, form, start, veil, "Often a page to log in: check `url` and `auth`")
    if not start.strip():
        return Records(iter(()), path=path)
    if form == "csv":
        return Records(_of_csv(answer, encoding))
    text = _text(answer, encoding, veil)
    if form == "jsonl":
        return Records(_of_lines(answer, text, veil))
    try:
        body = json.loads(text, parse_constant=_constant)
    except (ValueError, RecursionError) as exc:
        raise _other(answer, form, start, veil, f"It is no JSON ({veil.over(str(exc))})") from None
    items, path = _items(answer, body, path, text, veil)
    return Records(_flattened(items), body, path)


def _constant(name: str) -> float | None:
    """What Python and some servers write beyond JSON: NaN is none, Infinity a number."""
    return None if name == "NaN" else float(name)


def _items(answer: Answer, body: Any, path: str | None, text: str, veil: Veil) -> tuple[list[Any], str | None]:
    """The list of records in the body, and where it was; "" when the body itself is the list."""
    if path:
        items = found(body, path)
        if isinstance(items, list):
            return items, path
        above, _, name = path.rpartition(".")
        within = found(body, above) if above else body
        if items is None and isinstance(within, dict) and name in within:
            return [], path  # some servers write null for an empty list
    elif isinstance(body, list):
        return body, ""
    lists = dict(_lists(body))
    full = {where: items for where, items in lists.items() if items and all(isinstance(item, dict) for item in items)}
    if not path and len(full or lists) == 1:
        where, items = next(iter((full or lists).items()))
        return items, where if items else None
    raise DataError(
        f"The answer of {answer.url} does not say where its records are",
        expected=f"a list at `records: {path}`" if path else "one list of objects",
        found=f"lists at {', '.join(map(repr, lists))}" if lists else _excerpt(text, veil),
        action=f"Say `records: {next(iter(full or lists))}`" if lists else "Check `url` and `params` of the source",
    )


def _lists(body: Any, within: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Every list that lies in objects alone, with its path."""
    if isinstance(body, dict):
        for name, value in cast("dict[str, Any]", body).items():
            if isinstance(value, list):
                yield f"{within}{name}", value
            else:
                yield from _lists(value, f"{within}{name}.")


def _flattened(items: list[Any]) -> Iterator[Row | Misfit]:
    for number, item in enumerate(items, start=1):
        yield _row(item, number)


def _row(item: Any, number: int) -> Row | Misfit:
    if not isinstance(item, dict):
        return Misfit(number, "it is no JSON object", json.dumps(item))
    row: Row = {}
    try:
        _flatten(cast("Row", item), "", row)
    except KeyError as exc:
        return Misfit(number, f"two of its values would be the column {exc.args[0]}", json.dumps(item))
    return row


def _flatten(item: Row, within: str, row: Row) -> None:
    for name, value in item.items():
        column = within + name
        if isinstance(value, dict):
            _flatten(cast("Row", value), f"{column}.", row)
            continue
        if column in row:
            raise KeyError(column)
        row[column] = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _of_lines(answer: Answer, text: str, veil: Veil) -> Iterator[Row | Misfit]:
    n_rows = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line, parse_constant=_constant)
        except (ValueError, RecursionError) as exc:
            if not n_rows:
                raise _other(answer, "jsonl", line.encode(), veil, "Look at its first line") from exc
            yield Misfit(number, "the line is no JSON", line)
        else:
            n_rows += 1
            yield _row(item, number)


def _of_csv(answer: Answer, encoding: str | None) -> Iterator[Row | Misfit]:
    encoding = encoding or answer.charset
    try:
        names, lines = header_and_lines(answer.path, encoding, answer.url)
        for number, line in enumerate(lines, start=1):
            if len(line) == len(names):
                yield {n: None if v in MISSING else v for n, v in zip(names, line, strict=True)}
            else:
                yield Misfit(number, f"it has not the header's {len(names)} fields", ",".join(line))
    except LookupError:
        raise DataError(f"The encoding of {answer.url} is not known", found=repr(encoding)) from None
    except UnicodeDecodeError as exc:
        raise _not_in(answer, exc.encoding, exc) from exc


def _text(answer: Answer, encoding: str | None, veil: Veil) -> str:
    data = answer.path.read_bytes()
    encoding = encoding or answer.charset or json.detect_encoding(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise DataError(f"The encoding of {answer.url} is not known", found=repr(encoding)) from None
    except UnicodeDecodeError as exc:
        raise _not_in(answer, encoding, exc, _excerpt(data[max(0, exc.start - 30) :].decode("latin-1"), veil)) from None


def _not_in(answer: Answer, encoding: str, exc: UnicodeDecodeError, excerpt: str = "") -> DataError:
    return DataError(
        f"The answer of {answer.url} is not text in {encoding}",
        found=f"byte {exc.object[exc.start : exc.start + 1]!r}" + (f" near {excerpt}" if excerpt else ""),
        action="Say its `encoding`, often latin-1",
    )


def _other(answer: Answer, form: Format, start: bytes, veil: Veil, action: str) -> DataError:
    kind = f"{answer.content_type or 'an unnamed type'} that begins {_excerpt(start.decode(errors='replace'), veil)}"
    expected = {"json": "JSON", "csv": "CSV", "jsonl": "JSON lines"}[form]
    return DataError(f"The answer of {answer.url} holds no records", expected=expected, found=kind, action=action)


def _excerpt(text: str, veil: Veil) -> str:
    # Veiled before it is cut: a secret at the cut would be seen by half.
    return repr(" ".join(veil.over(text[:4096]).split())[:120])
