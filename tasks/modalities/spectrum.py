"""What a sound is like over time: mel-frequency cepstral coefficients in a fixed number of steps, and its statistics.

The coefficients are those of S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic
word recognition" (1980), on the mel scale 2595 log10(1 + f / 700). Their mean over time is taken away (B. Atal, 1974)
and given apart: it is the microphone's and the speaker's, and what remains is nearer to what was said.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from tasks.modalities.samples import Samples

Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

WINDOW, HOP = 0.032, 0.01
"""Seconds: a few periods of a low voice, and the time in which a mouth moves."""
LOWEST = 50.0
"""Hertz. Below is the hum of the mains."""
BANDS = 40
FLOOR = 1e-4
"""What is 40 dB below the loudest band counts as silence: there rooms differ, not sounds."""
TRIM = 1e-3
"""Both ends are cut to where the energy is 30 dB below the loudest moment."""
N_STATISTICS = 5
AT_ONCE = 4_096
"""Frames that are transformed at a time, so that ten minutes take no more memory than one."""


def width(coefficients: int, steps: int) -> int:
    """How many numbers `view` gives."""
    return coefficients * (steps + 2) + N_STATISTICS


def view(sound: Samples, loudest: float, rate: int, coefficients: int, steps: int) -> Array:
    """The coefficients, step by step, their means and spreads; duration, loudness, crossings of zero, and centre.

    Levels are in bels, so that all of it has spreads of about one.
    `sound` is scaled to a peak of 1, which was `loudest`. Sounds of any length are stretched to the same steps.
    """
    from scipy.fft import dct

    power = np.concatenate(list(_mel(sound, rate)))
    energy = power.sum(axis=1)
    loud = np.flatnonzero(energy >= TRIM * energy.max())
    first, last = int(loud[0]), int(loud[-1])
    power = power[first : last + 1]
    # What is only above the highest frequency of this rate leaves nothing at all.
    levels = np.log10(np.maximum(power, power.max() * FLOOR + 1e-20))
    cepstrum: Array = np.asarray(dct(levels, axis=1, norm="ortho"))[:, :coefficients]
    means = cepstrum.mean(axis=0)
    hop = _hop(rate)
    heard = sound[first * hop : (last + 1) * hop]
    heard = (sound if not len(heard) else heard).astype(np.float64)
    centres = power @ np.arange(BANDS) / np.maximum(power.sum(axis=1), np.finfo(float).tiny)
    statistics = [
        np.log(last + 1 - first),
        np.log10((heard**2).mean() + 1e-12) + 2 * np.log10(loudest),
        10 * np.count_nonzero(np.diff(np.signbit(heard))) / len(heard),
        centres.mean() / 10,
        centres.std() / 10,
    ]
    spreads = cepstrum.std(axis=0)
    return np.concatenate([_stretched(cepstrum - means, steps).ravel(), means, spreads, statistics])


def _mel(sound: Samples, rate: int) -> Iterator[Array]:
    """The power in each mel band, frame by frame, in blocks of frames."""
    size, hop = round(WINDOW * rate), _hop(rate)
    padded = np.pad(sound, (size // 2, size // 2 + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    window, bands = np.hanning(size + 1)[:-1], _bands(rate, size)
    for start in range(0, len(frames), AT_ONCE):
        yield np.abs(np.fft.rfft(frames[start : start + AT_ONCE] * window, axis=1)) ** 2 @ bands


@cache
def _bands(rate: int, size: int) -> Array:
    """Triangles over the frequencies of the transform, (size // 2 + 1, BANDS)."""
    low, high = 2595 * np.log10(1 + np.array([LOWEST, rate / 2]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    found = np.arange(size // 2 + 1)[:, None] * rate / size
    up, down = (found - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - found) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(up, down))


def _stretched(frames: Array, steps: int) -> Array:
    """The mean of the frames within each of so many equal spans of time, parts of frames counted as parts."""
    sums = np.vstack([np.zeros(frames.shape[1]), frames.cumsum(axis=0)])
    ends = np.linspace(0, len(frames), steps + 1)
    whole = np.minimum(ends.astype(int), len(frames) - 1)
    return np.diff(sums[whole] + (ends - whole)[:, None] * frames[whole], axis=0) * (steps / len(frames))


def _hop(rate: int) -> int:
    return round(HOP * rate)
