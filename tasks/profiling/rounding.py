"""Which numbers of one digit lie among a column's values: rounding makes these many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DECADES = 4
"""Powers of ten that values may reach over; the list of round ones is to be read by a person."""
BULK = (0.1, 0.9)
"""The sizes between which most values lie; those of the others would make the list long for a few rows."""


def round_numbers(values: NDArray[np.float64]) -> tuple[float, ...]:
    """The numbers of one digit as large as most values: 1, 2, … 9, 10, 20, … 100."""
    import numpy as np

    sizes = np.abs(values[values != 0])
    if len(sizes) < 30:
        return ()
    first, last = (math.floor(math.log10(size)) for size in np.quantile(sizes, BULK, method="inverted_cdf"))
    if last - first >= DECADES:
        return ()
    # As text: 3 * 0.1 is not the number that a file means by 0.3.
    tens = [float(f"{digit}e{power}") for power in range(first, last + 1) for digit in range(1, 10)]
    tens.append(float(f"1e{last + 1}"))
    low, high = float(values.min()), float(values.max())
    return tuple(sorted(sign * number for number in tens for sign in (-1, 1) if low <= sign * number <= high))
