"""Numbers as people read them: as many digits as they deserve."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"


LARGE, SMALL = 1e9, 1e-4
"""From here on a number is told with a power of ten."""


def figure(x: float) -> str:
    """Four significant digits, thousands apart: 0.4641, 12.5, 46,357, 2.149·10⁹."""
    if not math.isfinite(x):
        return "none"
    size = abs(x)
    if size >= LARGE or 0 < size < SMALL:
        return _power(x)
    text = f"{x:,.0f}" if size >= 1000 else f"{x:.4g}"
    return text.replace("-", MINUS)


def _power(x: float) -> str:
    digits, exponent = f"{x:.3e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    shown = digits.rstrip("0").rstrip(".").replace("-", MINUS)
    return f"{shown}·10{raised}"


def decimals(low: float, high: float) -> int:
    """How many decimals an interval deserves: its width is told with two digits."""
    width = high - low
    if not (width > 0 and math.isfinite(width)):
        return 3
    return min(6, max(0, 1 - math.floor(math.log10(width))))


def fixed(x: float, n_decimals: int) -> str:
    """With so many decimals, and a true minus sign; too large a number as `figure` tells it."""
    if abs(x) >= LARGE:
        return figure(x)
    return f"{x:z,.{n_decimals}f}".replace("-", MINUS)


def ranged(low: float, high: float) -> str:
    """An interval in words: 0.76 to 0.87."""
    n_decimals = decimals(low, high)
    return f"{fixed(low, n_decimals)} to {fixed(high, n_decimals)}"


def estimate(x: float, low: float, high: float) -> str:
    """A figure with its interval: 0.82 (0.76 to 0.87)."""
    return f"{fixed(x, decimals(low, high))} ({ranged(low, high)})"


def percent(share: float) -> str:
    """A share: 0 %, <0.1 %, 12.5 %, 100 % (only when it is all)."""
    if share <= 0:
        return "0 %"
    if share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    return f"{100 * share:.{2 if share < 0.1 else 3}g} %"


def seconds(x: float) -> str:
    """A duration: 0.4 s, 12 s, 3 min 20 s."""
    if x < 10:
        return f"{x:.1f} s"
    if x < 120:
        return f"{x:.0f} s"
    return f"{x // 60:.0f} min {x % 60:.0f} s"


def short(x: float) -> str:
    """As short as an axis needs: 450k, 1.2M, 0.05."""
    size = abs(x)
    for scale, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if scale <= size < 1e15:
            return f"{x / scale:.4g}{suffix}".replace("-", MINUS)
    return f"{x:.4g}".replace("-", MINUS)


def within(title: str) -> str:
    """A title as it stands within a sentence: log loss, but RMSE and F1."""
    return title[0].lower() + title[1:] if title[1:2].islower() else title
