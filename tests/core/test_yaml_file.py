"""YAML files: whatever stands in one, it is a value or a sentence that says where it is not."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from tasks.core import yaml_file
from tasks.core.errors import ProjectError


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("b: 2024-13-45", "'2024-13-45', which cannot be a timestamp (month must be in 1..12)"),
        ("b: 2024-01-01T25:00:00", "cannot be a timestamp"),
        ("b: !!timestamp x", "'x', which cannot be a timestamp"),
        ("b: !!bool x", "'x', which cannot be a bool"),
        ("b: !!float x", "'x', which cannot be a float"),
        ("b: !!int ''", "'', which cannot be a int"),
        ("b: " + "9" * 5000, "cannot be a int"),
        ("b: *nobody", "undefined alias"),
    ],
)
def test_a_value_that_cannot_be_gives_a_traceback(tmp_path: Path, line: str, said: str, quick: bool) -> None:
    file = tmp_path / "project.yaml"
    file.write_text(f"a: 1\n{line}\n")
    with pytest.raises(ProjectError) as caught:
        yaml_file.read(file, quick)
    assert f"{file}, line 2 is no YAML" in str(caught.value)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("b: *nobody", "is no YAML: found undefined alias 'nobody'. Mend that line."),
        ("b: [1}", "is no YAML: expected ',' or ']', found '}'. Mend that line."),
    ],
)
def test_what_was_found_is_told_in_other_words_than_elsewhere(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "project.yaml"
    file.write_text(line)
    with pytest.raises(ProjectError, match=re.escape(said)):
        yaml_file.read(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 2000, "brackets in hundreds of brackets"),
        (b"a: \xff", "Save it as UTF-8"),
        (b"a: \0", "special characters are not allowed"),
    ],
)
def test_a_file_that_is_no_yaml_gives_a_traceback(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "project.yaml"
    file.write_bytes(content)
    with pytest.raises(ProjectError, match=said):
        yaml_file.read(file)


def test_a_folder_in_a_files_place_gives_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot be read: found Is a directory"):
        yaml_file.read(tmp_path)


@pytest.mark.parametrize("quick", [False, True])
def test_plain_values_are_read_otherwise_than_before(tmp_path: Path, quick: bool) -> None:
    file = tmp_path / "project.yaml"
    file.write_text("a: [1, 2.5, yes, 2024-02-29, ~]\nb: &x {c: text}\nd: *x\n")
    day = datetime.date(2024, 2, 29)
    assert yaml_file.read(file, quick) == {"a": [1, 2.5, True, day, None], "b": {"c": "text"}, "d": {"c": "text"}}


@pytest.mark.parametrize("quick", [False, True])
def test_a_key_is_a_name_also_where_yaml_has_a_boolean(tmp_path: Path, quick: bool) -> None:
    file = tmp_path / "project.yaml"
    file.write_text("retrain: {on: [age], no: yes}\n")
    assert yaml_file.read(file, quick) == {"retrain": {"on": ["age"], "no": True}}
    assert yaml_file.meant(file.read_text()) == {"retrain": {"on": ["age"], "no": True}}
