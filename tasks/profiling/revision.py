"""What an expectations.yaml would say of today's data, line against line: what a person accepts, and the file then."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tasks.core.expectations import SECTIONS, Section
from tasks.profiling.claims import Claim
from tasks.profiling.lines import Item, Sheet, key, text_of


@dataclass(frozen=True)
class Change:
    """One line that would be another: `old` is None where it is new, `new` where it would go; `why` is the evidence."""

    number: int
    section: Section
    old: Item | None
    new: Claim | None
    why: str

    @property
    def lines(self) -> list[str]:
        """As a diff."""
        removed = [f"- {line}" for line in self.old.text.splitlines()] if self.old else []
        return removed + ([f"+ {line}" for line in text_of(self.new).splitlines()] if self.new else [])


def changes(sheet: Sheet, claims: Sequence[Claim], broken: Mapping[int, str]) -> list[Change]:
    """The changes that would make the lines written by keepfit those of today; those of people stay as they are.

    `broken` says of the items, by their place, what was found today where they do not hold.
    """
    theirs = {item.key[:-1] for item in sheet.items if not item.written_here}
    ours = {item.key: (place, item) for place, item in enumerate(sheet.items) if item.written_here}
    wanted = {key(claim.section, claim.item): claim for claim in claims}
    found: list[Change] = []

    def add(old: Item | None, new: Claim | None, why: str) -> None:
        section = (new or old).section  # pyright: ignore[reportOptionalMemberAccess]
        found.append(Change(len(found) + 1, section, old, new, why))

    for name, (place, item) in ours.items():
        claim = wanted.get(name)
        if claim is not None and claim.item == item.said:
            continue
        state = f"does not hold: {broken[place]}" if place in broken else "still holds"
        if claim is None:
            add(item, None, f"{state}; today's data do not show it any more")
        else:
            add(item, claim, f"{state}; seen today: {claim.seen}")
    for name, claim in wanted.items():
        if name not in ours and name[:-1] not in theirs:
            add(None, claim, f"new; seen today: {claim.seen}")
    return found


def accepted(sheet: Sheet, chosen: Collection[Change]) -> str:
    """The file with these changes; every other line is as it was, comments and all."""
    lines = list(sheet.lines)
    edits: dict[tuple[int, int], list[str]] = {}
    appended: dict[str, list[str]] = {}
    for change in sorted(chosen, key=lambda one: one.number):
        new = text_of(change.new, sheet.indents.get(change.section, 2)).splitlines() if change.new else []
        if change.old is not None:
            edits[change.old.start, change.old.end] = new
        elif change.section in sheet.ends and change.new is not None:
            at = _place(sheet, change.new)
            edits.setdefault((at, at), []).extend(new)
        else:
            appended.setdefault(change.section, []).extend(new)
    # From the end, so that the places of what comes before stay what they are.
    for start, end in sorted(edits, reverse=True):
        lines[start:end] = edits[start, end]
    for section in SECTIONS:
        if section in appended:
            lines += [f"{section}:", *appended[section]]
    return "\n".join(lines) + "\n"


def _place(sheet: Sheet, claim: Claim) -> int:
    """Where a new line goes: after the last one of the same column, or at the end of its section."""
    column = claim.arguments.get("column")
    beside = [
        item.end
        for item in sheet.items
        if item.section == claim.section and column is not None and column in next(iter(item.said.values())).values()
    ]
    return max(beside, default=sheet.ends[claim.section])
