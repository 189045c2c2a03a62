"""Small and capital letters, the same in every Python as in polars.

Python's tables are those of Unicode 14 (3.11) to 15.1 (3.13), polars' of 17: the 55 pairs in between are added here.
"""

from __future__ import annotations

_PAIRS = {
    **{0x10D50 + i: 0x10D70 + i for i in range(22)},  # Garay
    **{0x16EA0 + i: 0x16EBB + i for i in range(25)},  # Beria Erfe
    0x1C89: 0x1C8A,
    0xA7CB: 0x0264,
    0xA7CC: 0xA7CD,
    0xA7CE: 0xA7CF,
    0xA7D2: 0xA7D3,
    0xA7D4: 0xA7D5,
    0xA7DA: 0xA7DB,
    0xA7DC: 0x019B,
}
_CAPITALS = {small: capital for capital, small in _PAIRS.items()}


def lower(text: str) -> str:
    """The text in small letters."""
    return text.lower() if text.isascii() else text.lower().translate(_PAIRS)


def upper(text: str) -> str:
    """The text in capital letters."""
    return text.upper() if text.isascii() else text.upper().translate(_CAPITALS)
