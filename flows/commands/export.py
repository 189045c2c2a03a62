"""`keepfit export`: the champion, or another version, packed for somewhere else."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from flows.commands.serve import served
from flows.printed import in_json
from flows.printed.exporting import Export
from tasks.core import roles, store, tracking
from tasks.core.errors import Unavailable
from tasks.core.model_records import Champion
from tasks.core.project_file import project_file, project_name
from tasks.exports.packages import PACKAGES, Manifest, Source, packed
from tasks.scoring.scorer import Scorer
from tasks.serving.alone import Alone


def run(options: argparse.Namespace) -> int:
    """Write the package into the folder and say how its answers compare with the served ones."""
    started = time.monotonic()
    name = project_name(options.project)
    package = PACKAGES[options.to](precision=options.precision, as_input=tuple(dict.fromkeys(options.as_input)))
    with store.opened(store.home_of(project_file(options.project).parent)):
        model = _version(name, options.version) if options.version else roles.serving(name).champion
        file = store.path(model.artifact)
        scorer = Scorer.open(file, model.artifact.digest)
        source = Source(name, model, scorer, file.read_bytes(), _serving(options.project, model))
        manifest = packed(package, options.to, source, options.output)
    seconds = round(time.monotonic() - started, 3)
    if options.json:
        print(in_json(Export(**dict(manifest), output=str(options.output), seconds=seconds)))
    else:
        print(_told(manifest, options), file=sys.stderr)
    return 0


def _version(project: str, number: int) -> Champion:
    if (found := tracking.model(project, str(number))) is None:
        known = ", ".join(tracking.versions(project))
        raise Unavailable(
            f"{project} has no version {number}",
            expected=f"one of {known}" if known else "a version",
            action="`keepfit status PROJECT` tells what serves" if known else "Train it first: `keepfit train PROJECT`",
        )
    return found


def _serving(project: Path, model: Champion) -> str:
    """What the server of a container must know of the project."""
    said = served(project)
    digest = model.artifact.digest
    alone = Alone(name=said.name, version=model.version, digest=digest, key=said.key, serve=said.serve)
    return alone.model_dump_json(indent=1)


def _told(manifest: Manifest, options: argparse.Namespace) -> str:
    lines = [f"{manifest.project} version {manifest.version}, --to {manifest.to}: {options.output}"]
    lines += [f"  {file.path}  {file.size:,} bytes" for file in manifest.files if "/" not in file.path]
    folders = Counter(file.path.partition("/")[0] for file in manifest.files if "/" in file.path)
    lines += [f"  {folder}/  {n_files:,} files" for folder, n_files in folders.items()]
    if found := manifest.made.compared:
        is_single = manifest.precision == "float32"
        changed = f", {found.predictions_changed:,} of them with another prediction" if is_single else ""
        lines.append(
            f"  differs from the served answers by at most {found.largest_difference:.1e} on {found.n_rows:,} rows"
            f"{changed}"
        )
    return "\n".join([*lines, *(f"  {note}" for note in manifest.made.notes)])
