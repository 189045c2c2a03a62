"""From which figure on data are good, fair or poor; each limit once, beside its reason."""

from __future__ import annotations

from tasks.core.appraisal import Word

TELLING = (0.5, 0.0)
"""Relevant: the share of columns that tell something. Below half most columns are ballast, which costs a model rows;
with none there is nothing to learn from single columns."""
BROKEN = (0.01, 0.05)
"""Accurate: the share of rows that broke a rule, could not be read, or contradict another. Figures of accuracy are
told to a percent; from 5 % on, the default `limit` of expectations.yaml stops a run."""
MISSING = (0.1, 0.4)
"""Accurate: the share of values that are missing. Models here take missing values as they are, so a tenth costs
little; near half, the columns say more of who was asked than of what was answered."""
SELDOM = 0.2
"""Rows whose inputs come again, as a share: with more, the columns are too few to tell rows apart, and another answer
for equal inputs is no sign of an error."""
COVERED = (0.95, 0.8)
"""Diverse: the share of values in slices of 30 rows or more, as many as the report judges a slice by."""
RECALL = (0.25, 0.5)
"""Diverse: the width of the 95 % interval of the rarest class's recall. A quarter (58 test rows) hides most gains of
one version over the next; half (12 rows) cannot tell a recall of 0.3 from one of 0.7."""
GAP = 0.25
"""Diverse: a hole as wide as this share of what a number covers, with rows on both sides."""
FEW = 20
"""Of a number with no more different values holes are not told: a rating has steps."""
APART = (0.12, 0.2)
"""Representative: the share of rows that would have to lie elsewhere. For a normal column whose mean moves it is 0.12
and 0.2 where the customary population stability index is 0.1 and 0.25."""


def rising(value: float, limits: tuple[float, float]) -> Word:
    """The word for a figure of which more is better; `limits` are what good and fair need to reach or exceed."""
    good, fair = limits
    return "good" if value >= good else "fair" if value > fair else "poor"


def falling(value: float, limits: tuple[float, float]) -> Word:
    """The word for a figure of which less is better; `limits` are from where it is fair, and poor."""
    fair, poor = limits
    return "poor" if value >= poor else "fair" if value >= fair else "good"


def worst(*words: Word) -> Word:
    """The worst of these words."""
    order: tuple[Word, ...] = ("poor", "fair", "good", "not judged")
    return min(words, key=order.index)
