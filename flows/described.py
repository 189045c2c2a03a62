"""What a file, a folder or an address is as a source of project.yaml: found out by its name and what lies in it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import UsageError

if TYPE_CHECKING:
    from tasks.outputs import Output
    from tasks.sources import Source

KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".db": "sql",
    ".sqlite": "sql",
    ".sqlite3": "sql",
}
PACKED = (".gz", ".bz2", ".zst")
_WEB = ("http", "https")
_FILES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "file", "ftp", "sftp", *_WEB)
_SECRET = re.compile(r"://[^/@:]*:(?!\$\{)[^/@]+@")


def name_of(data: str) -> str:
    """A name for a project on these data: letters, digits and hyphens of their own."""
    stem = data.split("?")[0].rstrip("/").rsplit("/", 1)[-1].split(".")[0]
    name = re.sub(r"[^a-z0-9_]+", "-", stem.lower()).strip("-_")[:100]
    return name or "project"


def folder_of(data: str, name: str) -> Path:
    """Where the project goes when nobody says: into a folder of its name, here."""
    del data
    return Path(name)


def described(data: str, folder: Path, query: str | None, table: str | None) -> tuple[dict[str, Any], Source]:
    """`source:` as the project in `folder` says it, and the source itself; UsageError for what is none."""
    from pydantic import TypeAdapter, ValidationError

    from tasks.sources import Source

    kind, place = _meant(data)
    said: dict[str, Any] = {"kind": kind, **place}
    if kind == "sql":
        said |= {name: value for name, value in (("query", query), ("table", table)) if value is not None}
    elif query or table:
        raise UsageError(f"--query and --table are for databases, and {data} is none", action="Leave them out")
    try:
        source: Any = TypeAdapter[Any](Source).validate_python(said)
    except ValidationError as exc:
        raise UsageError(
            f"{data} as a source of kind {kind}",
            expected=exc.errors()[0]["msg"].removeprefix("Value error, "),
            action="Say more with --table or --query" if kind == "sql" else "",
        ) from exc
    if "path" in said and "://" not in said["path"]:
        path = Path(said["path"])
        said["path"] = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    return said, source


def source_of(data: str) -> Source:
    """What a file, a folder or an address is as a source; UsageError for what is none."""
    return described(data, Path(), None, None)[1]


def output_of(said: str) -> Output:
    """Where scored rows go: a file, a folder, or `<address of a database>#<table>`; UsageError for what is none."""
    from pydantic import TypeAdapter, ValidationError

    from tasks.outputs import Output, spoken

    place = spoken(said)
    if "path" in place:
        place["path"] = str(Path(place["path"]).expanduser().absolute())
    if _SECRET.search(place.get("url", "")):
        # It would be a parameter of the run, for everybody to see.
        raise UsageError("The address of --output holds a password", action="Name a variable there: '…:${PASSWORD}@…'")
    try:
        return TypeAdapter[Any](Output).validate_python(place)
    except ValidationError as exc:
        raise UsageError(f"--output {said}", expected=exc.errors()[0]["msg"].removeprefix("Value error, ")) from exc


def _meant(data: str) -> tuple[str, dict[str, str]]:
    """The kind of source, and its place in the source's own words."""
    if data.startswith("sqlite:///"):
        return "sql", {"path": str(Path(data.removeprefix("sqlite:///")).absolute())}
    if "://" in data:
        if _SECRET.search(data):
            raise UsageError(
                "The address holds a password, which would stand in project.yaml",
                action="Put it into a variable of the environment and name that: '…://user:${PASSWORD}@host/…'",
            )
        scheme, kind = data.split("://")[0], _kind(data.split("?")[0])
        if scheme not in _FILES:
            return "sql", {"url": data}
        if kind in ("csv", "parquet", "jsonl"):
            return kind, {"path": data}
        return "http", {"url": data}
    path = Path(data).expanduser().absolute()
    if not path.exists():
        raise UsageError(
            f"There is nothing at {path}", action="Name a file, a folder, or an address like sqlite:///a.db"
        )
    if path.is_dir():
        return _of_folder(path), {"path": str(path)}
    if kind := _kind(path.name):
        return kind, {"path": str(path)}
    raise UsageError(
        f"{path.name} is of no kind that keepfit knows by its name",
        expected=f"an ending such as {', '.join(KINDS)}",
        action="Rename it, or write project.yaml yourself and say `kind:` there",
    )


def _kind(name: str) -> str | None:
    name = name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return next((kind for ending, kind in KINDS.items() if name.endswith(ending)), None)


def _of_folder(path: Path) -> str:
    """What most files in the folder are."""
    from tasks.sources import Audio, Images

    found: Counter[str] = Counter()
    for file in path.rglob("*"):
        ending = file.suffix.lower()
        kind = "images" if ending in Images.formats else "audio" if ending in Audio.formats else _kind(file.name)
        if kind in ("images", "audio", "csv", "parquet", "jsonl") and not file.name.startswith((".", "_")):
            found[kind] += 1
    if not found:
        raise UsageError(
            f"There is nothing to learn from in {path}",
            expected="images or sounds in a folder for each class, or files of rows",
            action="Name another folder",
        )
    return found.most_common(1)[0][0]
