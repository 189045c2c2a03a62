"""A folder for any static host: a form in the browser, and the model that answers it there, without a server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import ClassVar, Literal

from tasks.core.errors import UsageError
from tasks.exports.packages import onnx_file
from tasks.exports.packages.package import Made, Package, Source

RUNTIME = "1.30.0"
"""Of onnxruntime-web, which runs the operators of the graph in WebAssembly; others may lack one."""
FILES = {"web.html": "index.html", "web.js": "page.js", "web_model.js": "model.js"}


class WebPage(Package):
    """`index.html`, `model.js` for other pages, the ONNX file, and by `package.json` what runs it."""

    kind: Literal["browser"] = "browser"
    title: ClassVar[str] = "a page for browsers"

    def write(self, source: Source, folder: Path) -> Made:
        """The page; its model is asked the parity rows by onnxruntime here, whose operators are the same."""
        made = onnx_file.written(self, source, folder)
        for port in made.inputs:
            if port.type == "codes":
                raise UsageError(
                    f"The feature {port.name!r} cannot be computed in a browser",
                    expected="numbers, texts, truth values and dates",
                    found=port.by_host,
                    action="Take `--to docker`, whose page takes images, sounds and texts",
                )
        for name, target in FILES.items():
            shutil.copyfile(Path(__file__).with_name(name), folder / target)
        package = {"private": True, "type": "module", "dependencies": {"onnxruntime-web": RUNTIME}}
        (folder / "package.json").write_text(json.dumps(package, indent=1) + "\n", encoding="utf-8")
        note = "`npm install` in the folder once, then any static host: `python -m http.server -d FOLDER`."
        return made.model_copy(update={"notes": (*made.notes, note)})
