"""Renewing expectations.yaml: what people wrote stays to the letter, and what did not change changes nothing."""

from __future__ import annotations

import yaml

from tasks.profiling.claims import Claim, claim
from tasks.profiling.lines import Sheet, parsed, text_of, whole_file
from tasks.profiling.revision import accepted, changes

AGE = claim("expect_column_values_to_be_between", "0 to 80 in 10 values", column="age", min_value=0, max_value=90)
OLDER = claim("expect_column_values_to_be_between", "0 to 99 in 20 values", column="age", min_value=0, max_value=110)
ROWS = claim("expect_table_row_count_to_be_between", "10 rows", min_value=5)
SEX = claim(
    "expect_column_values_to_be_in_set", "2 values", column="sex", value_set=["f", "m: #1"], mostly=0.9, severity="warn"
)
FARE = claim("expect_column_mean_to_be_between", "mean 3", column="fare", min_value=1.5, max_value=4.5)
SERVED = AGE.model_copy(update={"section": "serving", "arguments": {"column": "age", "min_value": 0}})


def sheet_of(text: str) -> Sheet:
    sheet = parsed(text)
    assert sheet is not None
    return sheet


def test_what_was_written_is_read_back_as_ours_and_changes_nothing() -> None:
    said = [ROWS, AGE, SEX, FARE, SERVED]
    sheet = sheet_of(whole_file(said, "# made\nlimit: 0.1\n"))
    assert [item.said for item in sheet.items] == [one.item for one in said]
    assert all(item.written_here for item in sheet.items)
    assert changes(sheet, said, {}) == []


def test_a_long_line_is_broken_before_its_arguments() -> None:
    several = claim(
        "expect_column_values_to_be_in_set", "many", column="c", value_set=[f"value {i}" for i in range(20)]
    )
    first, second = text_of(several).splitlines()
    assert first.endswith(":") and second.startswith("      {column: c")
    assert sheet_of(whole_file([several], "")).items[0].said == several.item


FILE = f"""\
# Ours.
limit: 0.02   # few

raw:
  # the ages
{text_of(AGE)}
  - expect_column_values_to_not_be_null:    # by hand
      {{column: age, reason: "a: b"}}

{text_of(SEX).replace("0.9", "0.8")}

# prepared rows
prepared:
  - expect_column_values_to_not_be_null: {{column: title}}
# the end
"""


def test_lines_of_people_and_all_comments_survive_every_change() -> None:
    sheet = sheet_of(FILE)
    assert [item.written_here for item in sheet.items] == [True, False, False, False]
    proposed = changes(sheet, [ROWS, OLDER, SEX, FARE, SERVED], {0: "3 of 20 rows break it"})
    told = [(one.old is not None, one.new.seen if one.new else None) for one in proposed]
    # The set was changed by a person, so it is not proposed anew.
    assert told == [(True, OLDER.seen), (False, ROWS.seen), (False, FARE.seen), (False, SERVED.seen)]
    assert "does not hold: 3 of 20 rows break it" in proposed[0].why
    text = accepted(sheet, proposed)
    before, after = FILE.splitlines(), text.splitlines()
    assert [line for line in before if line not in after] == text_of(AGE).splitlines()[1:]
    kept = [line for line in after if line in before]
    assert kept == [line for line in before if line in after]
    loaded = yaml.safe_load(text)
    assert OLDER.item in loaded["raw"] and FARE.item in loaded["raw"] and loaded["serving"] == [SERVED.item]
    assert loaded["limit"] == 0.02
    assert [one.number for one in changes(sheet_of(text), [ROWS, OLDER, SEX, FARE, SERVED], {})] == []


def test_only_what_is_accepted_is_written() -> None:
    sheet = sheet_of(FILE)
    proposed = changes(sheet, [ROWS, OLDER, SEX], {})
    assert accepted(sheet, []) == FILE
    text = accepted(sheet, [one for one in proposed if one.new == ROWS])
    assert text_of(ROWS) in text and text_of(AGE) in text
    assert "still holds" in proposed[0].why


def test_a_line_of_a_column_that_went_goes_and_one_of_a_person_stays() -> None:
    sheet = sheet_of(FILE)
    (gone,) = changes(sheet, [SEX], {})
    assert gone.new is None and gone.old is not None
    text = accepted(sheet, [gone])
    assert "max_value: 90" not in text and "# the ages" in text and "by hand" in text


def test_a_file_in_another_style_is_not_touched() -> None:
    assert parsed("raw: [{expect_column_values_to_not_be_null: {column: a}}]\n") is None
    assert parsed("raw:\n- expect_column_values_to_not_be_null: {column: a}\n") is not None
    assert parsed("") is not None


def test_new_sections_are_added_to_an_empty_file() -> None:
    said: list[Claim] = [AGE, SERVED]
    text = accepted(sheet_of(""), changes(sheet_of(""), said, {}))
    assert [item.said for item in sheet_of(text).items] == [AGE.item, SERVED.item]
