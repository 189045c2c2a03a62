"""How each feature is made ready for a model: inferred from the training rows, or as the project says, with the reason.

docs/preparation.md has the table of choices.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tasks.core.choices import Choice
from tasks.core.errors import DataError, ProjectError
from tasks.core.records import Encode, Feature, FeatureKind, Treatment
from tasks.modalities.cycles import cycles_of
from tasks.modalities.levels import filled, ordered
from tasks.modalities.spread import scale_of
from tasks.modalities.values import encoder

if TYPE_CHECKING:
    import polars as pl

ONE_HOT_LEVELS = 30
"""Categories of more levels are target-encoded: their one-hot columns would be nearly empty."""
PLAIN: tuple[FeatureKind, ...] = ("number", "boolean", "date")
"""What is a number in the matrix, and not a code."""
NUMERIC: tuple[Encode, ...] = ("ordinal", "target", "hash")
"""The encodings whose result is a number, which has a mean and can be scaled."""


def treated(feature: Feature, values: pl.Series, said: Choice) -> Feature:
    """The feature with its treatment: what is `said`, and else what the training rows' values suggest.

    ProjectError for a choice that such a feature cannot have, DataError for one that its values cannot have.
    """
    _check(feature, said)
    if feature.kind == "category":
        return _category(feature, values, said)
    if feature.kind not in PLAIN:
        return feature
    scale, reason = scale_of(values) if feature.kind == "number" else ("standard", "")
    cycles = cycles_of(values) if feature.kind == "date" else ()
    places = f"with its place in the {' and the '.join(cycles)}" if cycles else ""
    treatment = Treatment(
        missing=said.missing or "median",
        fill=_number(feature, said.fill),
        scale=said.scale or scale,
        cycles=cycles,
        said=_said(said),
        reason=_joined("" if said.scale else reason, places, *_told(said)),
    )
    return feature.model_copy(update={"treatment": treatment})


def cells(feature: Feature) -> tuple[str, str, str]:
    """For people: what stands for a missing value, the scale, and the encoding; empty where a feature has none."""
    treatment = feature.treatment
    if feature.kind not in (*PLAIN, "category"):
        return "", "", ""
    is_category = feature.kind == "category"
    own = "a level of its own" if is_category else "native"
    missing = own if treatment.missing == "native" or (is_category and not treatment.said) else treatment.missing
    if missing == "constant":
        missing = feature.levels[int(treatment.fill)] if feature.levels else f"{treatment.fill:g}"
    encode = "" if not is_category else treatment.encode or ""
    scale = "" if is_category and treatment.encode not in NUMERIC else treatment.scale
    return missing, scale if treatment.trend else "", encode


def _category(feature: Feature, values: pl.Series, said: Choice) -> Feature:
    treatment = feature.treatment
    encode, reason = treatment.encode, treatment.reason
    if encode is None:
        few = len(feature.levels) <= ONE_HOT_LEVELS
        encode = said.encode or ("one_hot" if few else "target")
        reason = "few levels" if few else f"more than {ONE_HOT_LEVELS} levels"
    if encode == "ordinal":
        feature, seldom = ordered(feature, values, said.order)
        reason = f"no training row has {', '.join(map(repr, seldom[:5]))}" if seldom else ""
    elif said.encode:
        reason = ""
    fill = 0.0
    if said.fill is not None:
        feature, fill = filled(feature, said.fill, may_add=encode != "ordinal")
    treatment = Treatment(
        missing=said.missing or "native",
        fill=fill,
        scale=said.scale or ("standard" if encode in NUMERIC else "none"),
        encode=encode,
        buckets=treatment.buckets,
        said=_said(said),
        reason=_joined(reason, *_told(said)),
    )
    return feature.model_copy(update={"treatment": treatment})


def _check(feature: Feature, said: Choice) -> None:
    """ProjectError for what has no meaning for such a feature."""
    is_category = feature.kind == "category"
    if feature.kind not in (*PLAIN, "category"):
        for name in _said(said):
            raise _refused(feature, f"{name}: {getattr(said, name)}", "nothing but `read` for texts, images and sounds")
    if is_category and said.missing in ("median", "mean", "model"):
        raise _refused(feature, f"missing: {said.missing}", "native, most_frequent or constant for a category")
    if is_category and said.scale not in (None, "none") and said.encode not in NUMERIC:
        raise _refused(
            feature, f"scale: {said.scale}", "a number, or a category with `encode: ordinal`, `target` or `hash`"
        )


def _refused(feature: Feature, what: str, expected: str) -> ProjectError:
    return ProjectError(
        f"`columns` says `{what}` of {feature.name!r}",
        expected=expected,
        found=f"a {feature.kind} ({feature.reason})" if feature.reason else f"a {feature.kind}",
        action="Change it in project.yaml, or take it out",
    )


def _number(feature: Feature, fill: Any) -> float:
    """The constant as the matrix has it: a number, 0 or 1, or days since 1970."""
    if fill is None:
        return 0.0
    if feature.kind != "date" and isinstance(fill, str) and (fill := _parsed(fill)) is None:
        raise _refused(feature, "missing: constant", "a number as `fill`")
    try:
        return encoder(feature)(fill)
    except DataError as exc:
        raise _refused(feature, f"fill: {fill}", exc.expected) from exc


def _parsed(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _said(said: Choice) -> tuple[str, ...]:
    return tuple(name for name in ("missing", "scale", "encode") if getattr(said, name) is not None)


def _told(said: Choice) -> Iterator[str]:
    if names := _said(said):
        yield f"{' and '.join(names)} as the project says"


def _joined(*reasons: str) -> str:
    return "; ".join(reason for reason in reasons if reason)
