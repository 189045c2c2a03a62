"""What a project may say of a single column; what it does not say is inferred from the training rows.

columns:
  name: text                                       # short for {read: text}
  age: {missing: median, scale: robust}
  grade: {encode: ordinal, order: [low, mid, high]}
  income: {missing_values: [-999, "n/a"]}
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from tasks.core.records import Encode, Missing, Reading, Record, Scale


class Choice(Record):
    """How to treat one column; None where keepfit is to choose."""

    read: Reading | None = None
    missing: Missing | None = None
    fill: float | str | None = None
    """The constant of `missing: constant`."""
    missing_values: tuple[str, ...] | None = None
    """The values that mean that nothing is known, as text; empty: none but an empty cell."""
    scale: Scale | None = None
    encode: Encode | None = None
    order: tuple[str, ...] = ()
    """The levels of `encode: ordinal`, lowest first."""

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, said: Any) -> Any:
        """A bare word is how to read the column; an encoding is one of categories.

        Numbers and truth values among levels and missing values are meant as text.
        """
        if isinstance(said, str):
            return {"read": said}
        if not isinstance(said, dict):
            return said
        texts: dict[str, Any] = {
            name: [_text(item) for item in said[name]]
            for name in ("missing_values", "order")
            if isinstance(said.get(name), list)
        }
        if said.get("order") and said.get("encode") is None:
            texts["encode"] = "ordinal"
        if {**said, **texts}.get("encode") is not None and said.get("read") is None:
            texts["read"] = "category"
        return {**said, **texts}

    @model_validator(mode="after")
    def _fits(self) -> Choice:
        if (self.fill is not None) != (self.missing == "constant"):
            raise ValueError("`fill` is the value of `missing: constant`: say both or neither")
        if self.order and self.encode not in (None, "ordinal"):
            raise ValueError(f"`order` is the order of the levels, which `encode: {self.encode}` does not keep")
        if twice := sorted({level for level in self.order if self.order.count(level) > 1}):
            raise ValueError(f"`order` with each level once, not {', '.join(twice)} twice")
        if self.encode is not None and self.read != "category":
            raise ValueError(f"`encode` is for categories: take it out, or `read: {self.read}`")
        return self


def _text(item: Any) -> str:
    return f"{item}".lower() if isinstance(item, bool) else f"{item}"


def _listed(said: Any) -> Any:
    return (said,) if isinstance(said, str) else said


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""Names of columns; a single one needs no list."""
