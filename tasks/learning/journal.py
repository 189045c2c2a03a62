"""What tuning has already done, on disk: after a kill nothing that was finished is done again.

    tuning/<key>/journal.jsonl   one line a finished trial, and one each time that seconds were spent on something else
    tuning/<key>/<number>.npy    the trial's answers to the scored rows

A line that a kill cut in half is skipped; a trial counts when its line and its answers are whole. The folder stays
after the end, so that a larger budget goes on where the smaller one stopped; week-old ones are removed.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core import store

KEPT_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Trial:
    """One parameter set of one family, and how it did. `loss` is lower for better, None unless `state` is finished.

    `asked` is the point of the search space that it came from, `reason` why it failed or was skipped, and what the
    libraries warned of.
    """

    number: int
    family: str
    asked: dict[str, Any]
    params: dict[str, Any]
    loss: float | None
    seconds: float
    state: str
    reason: str = ""
    answers: np.ndarray | None = field(default=None, compare=False, repr=False)


class Journal:
    """The trials of one tuning, by their number, and the seconds that went into it so far."""

    def __init__(self, key: str) -> None:
        folder = store.home() / "tuning"
        folder.mkdir(exist_ok=True)
        _forget_old(folder, key)
        self._folder = folder / key
        self._folder.mkdir(exist_ok=True)
        self._path = self._folder / "journal.jsonl"
        self.spent = 0.0
        self._trials: dict[int, Trial] = {}
        self._read()

    def trial(self, number: int) -> Trial | None:
        """The trial of that number, if it was finished or failed before."""
        return self._trials.get(number)

    def add(self, trial: Trial, spent: float) -> None:
        """Keep the trial, durably; `spent` are the seconds since the last line."""
        if trial.answers is not None:
            data = io.BytesIO()
            np.save(data, trial.answers, allow_pickle=False)
            store.write_file(self._answers(trial.number), data.getvalue())
        values = {name: value for name, value in asdict(trial).items() if name != "answers"}
        self._append({"trial": values, "spent": spent})
        self._trials[trial.number] = trial

    def spend(self, seconds: float) -> None:
        """Keep that seconds were spent on what is not finished."""
        self._append({"spent": seconds})

    def _append(self, line: dict[str, Any]) -> None:
        with self._path.open("ab") as file:
            # Begin on a new line, whatever a kill left of the last one.
            file.write(b"\n" + json.dumps(line).encode())
            file.flush()
            os.fsync(file.fileno())
        self.spent += line["spent"]

    def _read(self) -> None:
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        known = {each.name for each in fields(Trial)} - {"answers"}
        for line in lines:
            try:
                found = json.loads(line)
                self.spent += float(found["spent"])
                if "trial" in found:
                    values = {name: found["trial"][name] for name in known}
                    answers = np.load(self._answers(values["number"])) if values["state"] == "finished" else None
                    self._trials[values["number"]] = Trial(**values, answers=answers)
            except (ValueError, KeyError, TypeError, OSError, EOFError):
                continue

    def _answers(self, number: int) -> Path:
        return self._folder / f"{number}.npy"


def _forget_old(folder: Path, but: str) -> None:
    for old in folder.iterdir():
        if old.name != but and time.time() - old.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
