"""Slow drift: an e-detector on the standardised daily statistics of each column.

Shiryaev-Roberts form (Shin, Ramdas and Rinaldo, 2022): M = (1 + M) e each day, with e = exp(l z - l²/2) for shifts l of
several sizes and both signs. Without drift the mean time to M >= c is at least c days. What the reference does not know
about its own mean is taken off z.
"""

from __future__ import annotations

import numpy as np

from tasks.monitoring.cells import Floats

SHIFTS = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
CLIP = 4.0
"""No single day can say more."""


def detected(z: Floats, doubt: Floats, weights: Floats, threshold: float) -> tuple[Floats, Floats]:
    """Of days x statistics z: days x columns of evidence (an alarm is at the threshold, after which it starts anew),
    and the sign of the strongest statistic.

    `weights` is statistics x columns, each column's adding up to 1; `doubt` (days x statistics) the shift that the
    reference may have.
    """
    drift = np.concatenate([SHIFTS, SHIFTS])[:, None]
    sign = np.concatenate([np.ones(len(SHIFTS)), -np.ones(len(SHIFTS))])[:, None]
    held = np.zeros((len(drift), z.shape[1]))
    evidence, signs = np.zeros((len(z), weights.shape[1])), np.zeros((len(z), weights.shape[1]))
    for day, each in enumerate(np.clip(z, -CLIP, CLIP)):
        held = (1 + held) * np.exp(drift * (sign * each - doubt[day]) - drift**2 / 2)
        np.minimum(held, 1e12, out=held)
        evidence[day] = held.mean(axis=0) @ weights
        up = held[: len(SHIFTS)].mean(axis=0) - held[len(SHIFTS) :].mean(axis=0)
        signs[day] = np.sign((up[:, None] * weights).sum(axis=0))
        if (over := evidence[day] >= threshold).any():
            held[:, (weights[:, over] > 0).any(axis=1)] = 0.0
    return evidence, signs
