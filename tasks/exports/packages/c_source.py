"""Two C files for firmware and whatever links C: no dependency but the C library, no allocation, no files."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from tasks.core import markers
from tasks.core.errors import Unavailable, UsageError
from tasks.exports.packages import onnx_file, rows
from tasks.exports.packages.c_graph import Statements
from tasks.exports.packages.c_values import NotInC, identifier, literal
from tasks.exports.packages.front import Input
from tasks.exports.packages.package import Made, Package, Source, notes, require_alike
from tasks.exports.packages.whole import Whole

COMPILED = ("-std=c99", "-O1", "-ffp-contract=off", "-Wall", "-Werror", "-fPIC", "-shared")
"""Multiplying and adding in one step rounds once instead of twice, which a tree's threshold could tell."""

HEADER = """\
/* {about} */
#ifndef {guard}
#define {guard}
#ifdef __cplusplus
extern "C" {{
#endif

/* A missing value is NAN, of texts "" or a null pointer. Texts are UTF-8. */
typedef struct {{
{fields}
}} {name}_row;

typedef struct {{
{answers}
}} {name}_answer;

void {name}_predict({name}_row const *row, {name}_answer *answer);

#ifdef __cplusplus
}}
#endif
#endif
"""
BODY = """\
#include "model.h"
#include <math.h>
#include <string.h>

/* A NaN stays one, which fmax would drop. */
static inline double most(double a, double b) {{ return a > b || isnan(a) ? a : b; }}
static inline double least(double a, double b) {{ return a < b || isnan(a) ? a : b; }}

/* Whether the value is in the set, which a NaN ends. */
static inline int is_member(double value, double const *set) {{
  for (; !isnan(*set); set++) if (*set == value) return 1;
  return 0;
}}

/* Whether the text, without the spaces around it, is one of the words. */
static inline int is_marker(char const *text, char const *const *words, long n_words) {{
  static char const *const spaces[{n_spaces}] = {{{spaces}}};
  size_t length, width;
  long i;
  for (i = 0; i < {n_spaces}; i++) {{
    width = strlen(spaces[i]);
    if (strncmp(text, spaces[i], width) == 0) {{ text += width; i = -1; }}
  }}
  length = strlen(text);
  for (i = 0; i < {n_spaces}; i++) {{
    width = strlen(spaces[i]);
    if (length >= width && memcmp(text + length - width, spaces[i], width) == 0) {{ length -= width; i = -1; }}
  }}
  for (i = 0; i < n_words; i++) if (strlen(words[i]) == length && memcmp(words[i], text, length) == 0) return 1;
  return 0;
}}

{constants}

void {name}_predict({name}_row const *row, {name}_answer *answer) {{
  long i, j;
  (void)j;
  {lines}
}}
"""


class CSource(Package):
    """`model.c` and `model.h`: a struct of the raw columns in, the label and the probabilities out."""

    kind: Literal["c"] = "c"
    title: ClassVar[str] = "C"

    def write(self, source: Source, folder: Path) -> Made:
        """The files; where there is a C compiler they are compiled and asked the parity rows."""
        if self.precision != "float64":
            self.require_plain("code in double, which is exact")
        made = onnx_file.graph(self, source)
        names: dict[str, str] = {}
        for port in made.inputs:
            if port.type == "codes":
                raise _refused(f"the feature {port.name!r}, which is {port.by_host}")
            names[port.name] = identifier(port.name, names.values())
        try:
            files = _written(source, made, names)
        except NotInC as exc:
            raise _refused(f"{exc}") from exc
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        told = [
            *notes(made.inputs),
            *(f"{name!r} is `{field}` in the struct." for name, field in names.items() if name != field),
        ]
        outputs = onnx_file.described(source.scorer, made)
        frame = rows.strange(source.scorer.card)
        answers = _asked(folder, source, made.inputs, names, rows.feeds(frame, source.scorer.card, made.inputs))
        if answers is None:
            told.append("Not compiled and compared: there is no C compiler here.")
            return Made(inputs=made.inputs, outputs=outputs, notes=tuple(told))
        found = rows.compared(source.scorer.predict(frame), *answers)
        require_alike(found, self.precision, "The C code")
        return Made(inputs=made.inputs, outputs=outputs, compared=found, notes=tuple(told))


def _written(source: Source, made: Whole, names: dict[str, str]) -> dict[str, str]:
    prefix = identifier(source.project, ())
    read: dict[str, str] = {}
    for port in made.inputs:
        given = f"row->{names[port.name]}"
        read[port.name] = f'{given} ? {given} : ""' if port.type == "text" else given
    statements = Statements(made.model, read)
    label = statements.result(made.outputs["prediction"])
    lines = [*statements.lines, f"answer->prediction = {label.name}[0];"]
    answers = [f"  {label.type.rstrip()} prediction;"]
    if classes := source.scorer.card.target.classes:
        found = statements.result(made.outputs["probabilities"])
        lines.append(f"for (i = 0; i < {found.size}; i++) answer->probabilities[i] = {found.name}[i];")
        told = _comment(", ".join(classes))
        answers.append(f"  double probabilities[{found.size}]; /* {told} */")
    about = f"{source.project} version {source.model.version}, SHA-256 {source.model.artifact.digest}"
    fields: list[str] = []
    for port in made.inputs:
        kind = "char const *" if port.type == "text" else "double "
        fields.append(f"  {kind}{names[port.name]}; /* {_comment(_told(port))} */")
    header = HEADER.format(
        about=_comment(about),
        guard=f"{prefix.upper()}_MODEL_H",
        name=prefix,
        fields="\n".join(fields),
        answers="\n".join(answers),
    )
    body = BODY.format(
        constants="\n".join(statements.constants),
        name=prefix,
        lines="\n  ".join(lines),
        spaces=", ".join(map(literal, markers.SPACES)),
        n_spaces=len(markers.SPACES),
    )
    return {"model.h": header, "model.c": body}


def _told(port: Input) -> str:
    unit = {"boolean": "1 or 0", "date": "milliseconds since 1970-01-01T00:00Z"}.get(port.type, port.type)
    return f"{port.name}: {unit}{f', {port.by_host}' if port.by_host else ''}"


def _comment(text: str) -> str:
    """The text where it cannot end the comment, nor begin a line of its own."""
    return " ".join(text.replace("*/", "* /").replace("/*", "/ *").replace("\\", "/").split())


def _asked(folder: Path, source: Source, ports: Sequence[Input], names: dict[str, str], feeds: dict[str, Any]) -> Any:
    """What the compiled code answers to the rows: predictions and probabilities; None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    kinds = {port.name: ctypes.c_char_p if port.type == "text" else ctypes.c_double for port in ports}
    classes = source.scorer.card.target.classes
    label: Any = ctypes.c_char_p if classes else ctypes.c_double
    row_type = type("Row", (ctypes.Structure,), {"_fields_": [(names[name], kind) for name, kind in kinds.items()]})
    fields = [("prediction", label), *([("probabilities", ctypes.c_double * len(classes))] if classes else [])]
    answer_type = type("Answer", (ctypes.Structure,), {"_fields_": fields})
    with tempfile.TemporaryDirectory(prefix="keepfit-") as place:
        library = Path(place) / "model.so"
        command = [compiler, *COMPILED, "-o", str(library), str(folder / "model.c"), "-lm"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise Unavailable("The C code could not be compiled", found=ended.stderr[:500])
        predict = getattr(ctypes.CDLL(str(library)), f"{identifier(source.project, ())}_predict")
        predictions: list[Any] = []
        probabilities: list[list[float]] = []
        answer = answer_type()
        for values in zip(*(feeds[name][:, 0].tolist() for name in kinds), strict=True):
            row = row_type(*(value.encode() if isinstance(value, str) else value for value in values))
            predict(ctypes.byref(row), ctypes.byref(answer))
            predictions.append(answer.prediction.decode() if classes else answer.prediction)
            probabilities.append(list(answer.probabilities) if classes else [])
    return predictions, probabilities if classes else None


def _refused(found: str) -> UsageError:
    return UsageError(
        "The model cannot be written as C",
        expected="what linear models, trees, boosting and small networks of tables are made of",
        found=found,
        action="Name other families under `models:` and train again, or take `--to onnx`",
    )
