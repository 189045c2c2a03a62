"""The folder that a package is written to: all of it or nothing, with a manifest, and nobody else's files touched."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from pydantic import ValidationError

from tasks.core.errors import UsageError
from tasks.core.records import Record
from tasks.exports.packages.package import Made, Package, Precision, Source

MANIFEST = "keepfit.json"


class File(Record):
    """A file of the package, by its path within the folder."""

    path: str
    sha256: str
    size: int


class Manifest(Record):
    """What the folder holds, of which model. The same model and options give the same bytes."""

    project: str
    version: str
    digest: str
    """The SHA-256 of the registered model."""
    to: str
    precision: Precision
    target: str
    problem: str
    made: Made
    files: tuple[File, ...]


def packed(package: Package, kind: str, source: Source, output: Path) -> Manifest:
    """Write the package; what it wrote there before is replaced, and what lies beside is left alone.

    UsageError when the folder holds anything else. A kill leaves the new files, the old ones or a mixture that the
    manifest's digests tell; the same command then completes it.
    """
    before = _before(output, kind)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as place:
        folder = Path(place)
        made = package.write(source, folder)
        manifest = _manifest(package, kind, source, made, folder)
        written = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
        (folder / MANIFEST).write_text(written + "\n", encoding="utf-8")
        now = [*(each.path for each in manifest.files), MANIFEST]
        for path in now:  # the manifest last
            (output / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / path, output / path)
        for path in set(before) - set(now):
            (output / path).unlink(missing_ok=True)
    return manifest


def _before(output: Path, kind: str) -> list[str]:
    """The files of the package that the folder holds already."""
    if output.exists() and not output.is_dir():
        raise UsageError(f"--output {output} is a file", expected="a folder, which is made where there is none")
    present = sorted(each.name for each in output.iterdir()) if output.exists() else []
    if not present:
        return []
    try:
        manifest = Manifest.model_validate_json((output / MANIFEST).read_bytes())
    except (OSError, ValidationError) as exc:
        raise _foreign(output, f"{', '.join(present[:5])}{' …' if len(present) > 5 else ''}") from exc
    if manifest.to != kind:
        raise _foreign(output, f"an export `--to {manifest.to}`")
    return [each.path for each in manifest.files]


def _foreign(output: Path, found: str) -> UsageError:
    return UsageError(
        f"--output {output} holds something else",
        expected="a new or empty folder, or an earlier export of the same kind",
        found=found,
        action="Name another folder",
    )


def _manifest(package: Package, kind: str, source: Source, made: Made, folder: Path) -> Manifest:
    files = [
        File(
            path=each.relative_to(folder).as_posix(),
            sha256=hashlib.sha256(each.read_bytes()).hexdigest(),
            size=each.stat().st_size,
        )
        for each in sorted(folder.rglob("*"))
        if each.is_file()
    ]
    target = source.scorer.card.target
    return Manifest(
        project=source.project,
        version=source.model.version,
        digest=source.model.artifact.digest,
        to=kind,
        precision=package.precision,
        target=target.name,
        problem=target.problem,
        made=made,
        files=tuple(files),
    )
