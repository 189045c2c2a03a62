"""Claims as lines of expectations.yaml, and the lines of such a file taken apart, so that all others stay untouched.

A line that was written here ends with `# seen: 0.17 to 76 in 1,046 values (5f0c2a)`. The letters in brackets are a
digest of what it says: a line that a person has changed since has another one, and counts as theirs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import yaml

from tasks.core.conditions import columns_of
from tasks.core.expectation import Expectation
from tasks.core.expectations import SECTIONS, Expectations, Section
from tasks.profiling.claims import Claim
from tasks.profiling.suspects import NOT_IN_SET, STAND_INS

WIDTH = 120
_SECTION = re.compile(r"^([A-Za-z_]+):\s*(.*?)\s*(?:#.*)?$")
_ITEM = re.compile(r"^( *)- ")
_SEEN = re.compile(r"# seen: .*\(([0-9a-f]{6})\)\s*$")


@dataclass(frozen=True)
class Item:
    """One expectation as the file says it, in the lines from `start` to before `end`."""

    section: Section
    start: int
    end: int
    said: dict[str, Any]
    text: str

    @property
    def written_here(self) -> bool:
        """Whether it was written by keepfit, and by nobody changed since."""
        found = _SEEN.search(self.text)
        return found is not None and found[1] == digest(self.said)

    @property
    def key(self) -> tuple[str, ...]:
        return key(self.section, self.said)


@dataclass(frozen=True)
class Sheet:
    """The lines of a file, its expectations, and for each section after which line more can follow."""

    lines: tuple[str, ...]
    items: tuple[Item, ...]
    ends: dict[str, int]
    indents: dict[str, int]


def text_of(claim: Claim, indent: int = 2) -> str:
    """The claim as a line, or two where one would be long."""
    seen = f"  # seen: {claim.seen} ({digest(claim.item)})"
    said = yaml.safe_dump(claim.arguments, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9)
    said, start = said.strip(), f"{' ' * indent}- {claim.type}:"
    if len(start) + len(said) + len(seen) + 1 <= WIDTH:
        return f"{start} {said}{seen}"
    return f"{start}\n{' ' * (indent + 4)}{said}{seen}"


def key(section: str, said: dict[str, Any]) -> tuple[str, ...]:
    """What tells claims apart that may stand in one file: two of the same key say the same in other figures."""
    ((kind, given),) = said.items()
    given = cast("dict[str, Any]", given if isinstance(given, dict) else {})
    names = [str(given[name]) for name in ("column", "column_A", "column_B", "sum_total") if name in given]
    names += [str(name) for name in given.get("column_list", [])]
    names += columns_of(str(given.get("row_condition", "")))
    # A range of all values and one of nearly all, a least and a greatest length: not the same.
    more = "nearly all" if "between" in kind and given.get("mostly", 1) != 1 else ""
    # What stands for a missing value, and numbers that are round.
    which = "round" if kind == NOT_IN_SET and not {*given.get("value_set", [])} <= {*STAND_INS} else ""
    return (section, kind, *names, more, str(given.get("regex", which)))


def digest(said: dict[str, Any]) -> str:
    """Six letters that stand for what the line says."""
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:6]


def parsed(text: str) -> Sheet | None:
    """The file's lines with its expectations; None when they do not stand one after the other below their sections."""
    lines = tuple(text.splitlines())
    items: list[Item] = []
    ends: dict[str, int] = {}
    indents: dict[str, int] = {}
    section = ""
    at = 0
    while at < len(lines):
        if (found := _SECTION.match(lines[at])) and found[1] in (*SECTIONS, "limit"):
            section = found[1]
            if section in SECTIONS:
                if found[2]:
                    return None
                ends[section] = at + 1
        elif section in SECTIONS and (bullet := _ITEM.match(lines[at])):
            indents.setdefault(section, len(bullet[1]))
            end = at + 1
            while (
                end < len(lines) and lines[end].startswith(" " * (len(bullet[1]) + 1)) and lines[end].strip()[:1] != "#"
            ):
                end += 1
            said = _said(lines[at:end])
            if said is None:
                return None
            items.append(Item(section, at, end, said, "\n".join(lines[at:end])))
            ends[section] = end
            at = end
            continue
        at += 1
    sheet = Sheet(lines, tuple(items), ends, indents)
    return sheet if _is_whole(text, sheet) else None


def expectation(claim: Claim) -> Expectation:
    """The claim as the steps are given it; ValueError when it is none that the file may hold."""
    said = Expectations.model_validate({claim.section: [claim.item]})
    of_section = {"raw": said.raw, "prepared": said.prepared, "serving": said.serving}[claim.section]
    assert of_section is not None
    return of_section.expectations[0]


def whole_file(claims: Iterable[Claim], header: str) -> str:
    """A new file with these claims."""
    claims = list(claims)
    return header + "".join(f"{line}\n" for section in SECTIONS for line in _section(section, claims))


def _section(section: str, claims: list[Claim]) -> Iterator[str]:
    mine = [claim for claim in claims if claim.section == section]
    if mine:
        yield f"{section}:{_ABOUT[section]}"
        yield from (text_of(claim) for claim in mine)


_ABOUT = {
    "raw": "         # of the rows as they come",
    "prepared": "    # of training, validation and test rows, each",
    "serving": "     # of each row that the model is asked about; one that breaks a line gets no answer",
}


def _said(lines: Iterable[str]) -> dict[str, Any] | None:
    try:
        found = yaml.safe_load("\n".join(lines))
    except yaml.YAMLError:
        return None
    if not isinstance(found, list) or len(cast("list[object]", found)) != 1:
        return None
    said = cast("list[Any]", found)[0]
    return cast("dict[str, Any]", said) if isinstance(said, dict) and len(cast("dict[str, Any]", said)) == 1 else None


def _is_whole(text: str, sheet: Sheet) -> bool:
    """Whether the items are all that YAML itself finds."""
    loaded = yaml.safe_load(text) or {}
    return isinstance(loaded, dict) and all(
        [item.said for item in sheet.items if item.section == section]
        == (cast("dict[str, Any]", loaded).get(section) or [])
        for section in SECTIONS
    )
