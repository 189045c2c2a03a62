"""`python -m flows.printed [FOLDER]`: write the JSON schemas of what commands print, into docs/schemas."""

from __future__ import annotations

import sys
from pathlib import Path

from flows.printed.schemas import PRINTED, text

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/schemas")
folder.mkdir(parents=True, exist_ok=True)
for command in PRINTED:
    (folder / f"{command}.json").write_text(text(command), encoding="utf-8")
