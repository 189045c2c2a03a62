"""Errors: a sentence that somebody can read, whatever the user's file holds."""

from __future__ import annotations

from tasks.core.errors import DataError


def test_a_name_of_a_whole_file_floods_the_screen() -> None:
    error = DataError(f"Column {'x' * 50_000!r}", expected="a name", found="y" * 50_000, action="Check `delimiter`.")
    said = str(error)
    assert said.startswith("Column 'xxx")
    assert "xxx … xxx" in said
    assert "x': expected a name, found yyy" in said
    assert said.endswith("yyy. Check `delimiter`.")
    assert len(said) < 2100
    assert len(error.what) > 50_000, "who wants all of it has it"
