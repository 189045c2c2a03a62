"""project.yaml: what is wrong with it is told in the words of the file, not of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.core.errors import ProjectError
from tasks.project import load_project


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source: {kind: csv, path: ~}", "project.yaml: source.csv.path (1 more after this): expected a valid string"),
        ("2024-01-01: x", "project.yaml: a key: expected a name, found 2024-01-01"),
        ("yes: x", "project.yaml: yes is no key that keepfit knows"),
    ],
)
def test_the_validators_name_is_told(tmp_path: Path, text: str, said: str) -> None:
    before = "" if "source" in text else "source: {kind: csv, path: a.csv}\n"
    (tmp_path / "project.yaml").write_text(f"name: a\ntarget: y\n{before}{text}\n")
    with pytest.raises(ProjectError) as caught:
        load_project(tmp_path)
    assert said in str(caught.value)
