"""Families are chosen with a reason, and as the project says."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from tasks.core.errors import ProjectError
from tasks.models import FAMILIES
from tasks.select_model import Models, select_model

select = inspect.unwrap(select_model.fn)
FRAME = pl.DataFrame({"a": np.arange(100.0), "y": ["no", "yes"] * 50})


def test_every_family_is_named_with_a_reason_and_the_strong_ones_are_tried(open_store: Path, make_splits: Any) -> None:
    found = select(make_splits(FRAME, "y"), Models())
    assert [each.family for each in found.families] == list(FAMILIES)
    assert all(each.reason for each in found.families)
    assert {"baseline", "linear", "boosting"} <= {each.family for each in found.families if each.chosen}
    assert found.metric == "log_loss"


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        (["tree"], {"baseline", "tree"}),
        ({"use": ["neural"]}, {"baseline", "neural"}),
        ({"exclude": ["boosting", "baseline"]}, {"baseline", "linear", "forest", "tree"}),
    ],
)
def test_the_project_may_name_families_or_leave_some_out(
    said: Any, chosen: set[str], open_store: Path, make_splits: Any
) -> None:
    found = select(make_splits(FRAME, "y"), Models.model_validate(said))
    assert {each.family for each in found.families if each.chosen} == chosen


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="'linear'"):
        Models.model_validate(["liner"])


def test_a_metric_for_another_problem_is_refused_with_the_fitting_ones(open_store: Path, make_splits: Any) -> None:
    with pytest.raises(ProjectError, match="log_loss"):
        select(make_splits(FRAME, "y"), Models(metric="rmse"))
