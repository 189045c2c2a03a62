"""The units that get mixed up: what a value in another unit is of the unit that the rest of its column is in."""

from __future__ import annotations

from dataclasses import dataclass

LARGE = 7.0
"""Least factor where rows are scattered or of one class: two kinds of things often are two or three times apart."""


@dataclass(frozen=True)
class Conversion:
    """That a value x of some rows is the others' a x + b."""

    factor: float
    offset: float
    title: str

    @property
    def is_large(self) -> bool:
        return not self.offset and not 1 / LARGE < self.factor < LARGE

    @property
    def back(self) -> str:
        """How to make the others' unit of such a value, in words."""
        if self.offset:
            return (
                f"subtract {self.offset:g}, then divide by {self.factor:g}" if self.factor > 1 else "times 1.8, plus 32"
            )
        return f"divide by {self.factor:.7g}" if self.factor > 1 else f"multiply by {1 / self.factor:.7g}"


def _both(factor: float, here: str, there: str) -> list[Conversion]:
    return [Conversion(factor, 0, f"{here} among {there}"), Conversion(1 / factor, 0, f"{there} among {here}")]


CONVERSIONS = (
    *_both(10, "ten times the unit", "the unit"),
    *_both(100, "cents or centimetres", "whole units or metres"),
    *_both(1000, "thousandths of the unit, such as grams", "the unit, such as kilograms"),
    *_both(1e6, "millionths of the unit", "the unit"),
    *_both(12, "inches or months", "feet or years"),
    *_both(60, "minutes", "hours"),
    *_both(3600, "seconds", "hours"),
    *_both(24, "hours", "days"),
    *_both(7, "days", "weeks"),
    *_both(2.54, "centimetres", "inches"),
    *_both(3.28084, "feet", "metres"),
    *_both(1.609344, "kilometres", "miles"),
    *_both(2.20462, "pounds", "kilograms"),
    *_both(3.785412, "litres", "gallons"),
    *_both(365.25, "days", "years"),
    Conversion(1.8, 32, "degrees Fahrenheit among Celsius"),
    Conversion(1 / 1.8, -32 / 1.8, "degrees Celsius among Fahrenheit"),
)
"""The commoner first."""
