"""`keepfit show`: the whole configuration, with what was inferred from the data and why."""

from __future__ import annotations

import argparse
import json
from typing import Any

from flows.printed import in_json
from flows.printed.ageing import ShownAgeing
from flows.printed.projects import Data, Rows, Show, ShownAppraisal
from flows.printed.training import ShownNoise
from tasks.age import planned
from tasks.appraise import appraise
from tasks.check import check, check_splits
from tasks.collect import collect
from tasks.core import collected, quarantined, roles, store
from tasks.core.age_curve import Ageing
from tasks.core.appraisal import Appraisal
from tasks.core.model_records import Candidates
from tasks.core.noise import Noise
from tasks.core.records import CheckedDataset, CheckedSplits, Feature, Splits
from tasks.examine import examine
from tasks.modalities.treatments import cells
from tasks.prepare import prepare
from tasks.project import Project, load_project
from tasks.retraining import aged
from tasks.select_model import select_model


def run(options: argparse.Namespace) -> int:
    """Look at the data as training would, up to the choice of models, and print what follows from them."""
    project = load_project(options.project)
    with store.opened(store.home_of(project.folder)):
        # The bodies of the steps, without a server: what they find is remembered for the training.
        with quarantined.keeping(project.name):
            raw = check.fn(
                collect.fn(project.source, labelled=project.labelled), project.expectations.raw, project.checking
            )
        quarantined.keep(project.name, raw.report)
        splits = check_splits.fn(prepare.fn(raw, project.preparation), project.expectations.prepared)
        appraisal = appraise.fn(raw, splits)
        noise = examine.fn(raw, splits)
        candidates = select_model.fn(splits, project.selection)
        look = collected.described(project.source)
        serving, measured = roles.known(project.name), planned(splits.splits, project.ageing)
        ageing = aged.known(serving.champion.trained.artifact.digest) if serving else None
    if options.json:
        print(in_json(_shown(project, raw, splits, candidates, look, appraisal, ageing, noise)))
    else:
        lines = _lines(project, raw, splits.splits, candidates, look)
        told = [*_proven(splits), *_ageing(ageing, measured), *_noise(noise), *_goodness(appraisal)]
        print("\n".join([*lines, *told]))
    return 0


def _shown(
    project: Project,
    raw: CheckedDataset,
    checked: CheckedSplits,
    candidates: Candidates,
    look: str,
    appraisal: Appraisal,
    ageing: Ageing | None,
    noise: Noise,
) -> Show:
    data, splits = raw.dataset, checked.splits
    return Show(
        project=project.name,
        configuration=_configuration(project),
        data=Data(look=look, n_rows=data.n_rows, digest=data.digest, quarantined=raw.report.n_quarantined),
        target=splits.target,
        metric=candidates.metric,
        features=splits.features,
        notes=splits.notes,
        splits=Rows.of(splits),
        candidates=candidates.families,
        proven={report.suite: report.proven for report in (raw.report, *checked.reports)},
        appraisal=ShownAppraisal.of(appraisal),
        ageing=ShownAgeing.told(ageing),
        noise=ShownNoise.of(noise),
    )


def _goodness(appraisal: Appraisal) -> list[str]:
    """How good the data are, in a line each, and what to do first."""
    lines = [_line(f"  {each.name}", f"{each.word}: {each.headline}", *each.facts[:1]) for each in appraisal.criteria]
    return ["the data are", *lines, _line("  first", appraisal.advice)]


def _ageing(ageing: Ageing | None, planned: str) -> list[str]:
    """How the champion ages, and how a training will measure it."""
    return [_line("ageing", planned), *([_line("  champion", ageing.sentence)] if ageing else [])]


def _noise(noise: Noise) -> list[str]:
    told = [_line(f"  {each.column}", f"{each.n_rows:,} values {each.text}", each.advice) for each in noise.oddities]
    if (found := noise.conflicts) is not None:
        rows = f"{found.n_rows:,} of equal inputs have different answers"
        told.append(_line("  rows", f"{rows}; the best {found.metric} possible is {found.best:.4g}", found.advice))
    return ["noise", *told] if told else []


def _configuration(project: Project) -> dict[str, Any]:
    """Every setting with its value, said or default; what came from the environment stays there."""
    return project.model_dump(mode="json", exclude={"source", "expectations_file"}) | {
        "source": {"kind": project.source.kind, "title": project.source.title}
    }


def _lines(project: Project, raw: CheckedDataset, splits: Splits, candidates: Candidates, look: str) -> list[str]:
    target, problem = splits.target, splits.target.problem
    classes = (
        f" of {', '.join(target.classes[:10])}{' …' if len(target.classes) > 10 else ''}" if target.classes else ""
    )
    rows = f"{raw.dataset.n_rows:,} rows, {len(raw.dataset.columns)} columns"
    lines = [
        f"{project.name}",
        _line("source", f"{project.source.kind} {project.source.title}: {f'{look}; ' if look else ''}{rows}"),
        _line(
            "expectations", f"{raw.report.evaluated} asked of the raw rows; {raw.report.n_quarantined} rows quarantined"
        ),
        _line("target", f"{target.name}: {problem}{classes}", target.reason),
        _line("metric", candidates.metric, "" if project.metric else f"the default for {problem}"),
        _line("split", f"by {project.split.by}: {Rows.of(splits).words}"),
        "features",
    ]
    lines += [
        _line(f"  {f.name}", _treated(f), f.expression or "", f.reason, f.treatment.reason) for f in splits.features
    ]
    lines.append("models")
    lines += [
        _line(f"  {family.family}", "tried" if family.chosen else "passed over", family.reason)
        for family in candidates.families
    ]
    if splits.notes:
        lines += ["notes", *(_line(f"  {note.column or 'rows'}", note.text) for note in splits.notes)]
    lines.append("settings")
    shown = {"name", "source", "target", "features", "metric"}
    lines += [_line(f"  {key}", json.dumps(v)) for key, v in _configuration(project).items() if key not in shown]
    return lines


def _proven(checked: CheckedSplits) -> list[str]:
    """What was found to hold of each split."""
    return ["proven", *(_line(f"  {one.suite}", held) for one in checked.reports for held in one.proven)]


def _line(title: str, value: str, *reasons: str) -> str:
    because = "; ".join(reason for reason in reasons if reason)
    return f"{title:<16} {value}{f'   ({because})' if because else ''}"


def _treated(feature: Feature) -> str:
    """The kind of a feature, and how it is made ready for a model."""
    kind = f"{feature.kind}, {len(feature.levels)} levels" if feature.levels else feature.kind
    told = zip(("missing", "scale", "encode"), cells(feature), strict=True)
    return "; ".join([kind, *(f"{name}: {cell}" for name, cell in told if cell)])
