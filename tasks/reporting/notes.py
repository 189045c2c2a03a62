"""What preparation saw and did, in the order in which a person should read it: hazards first."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.core.records import CheckedSplits, Note

TITLES = {
    "hazard": "Hazards",
    "personal": "Personal data",
    "labelled": "Rows of the prediction log",
    "missing": "Missing values",
    "noise": "Noise",
    "duplicates": "Repeated rows",
    "split": "How rows were split",
    "type": "Types",
    "dropped_column": "Columns left out",
}
"""A heading for each kind of note, in order."""


def groups(notes: Sequence[Note]) -> list[tuple[str, list[Note]]]:
    """The notes of each kind that there are, under its heading; a kind without one comes last."""
    titles = TITLES | {each.kind: "Further notes" for each in notes if each.kind not in TITLES}
    found = {title: [each for each in notes if titles[each.kind] == title] for title in titles.values()}
    return [(title, told) for title, told in found.items() if told]


def proven(splits: CheckedSplits) -> list[str]:
    """What was proven of the splits, in sentences."""
    return [sentence for report in splits.reports for sentence in getattr(report, "proven", ())]
