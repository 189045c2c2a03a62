"""The samples of a sound file's bytes: one channel at one rate, or why they cannot be had.

Nothing that a header says is believed before it is seen: the samples are read a block at a time, and only so many.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeAlias

from tasks.modalities.sound_files import damage

if TYPE_CHECKING:
    import numpy as np
    import soundfile

Samples: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
"""One channel; full scale is 1."""

BLOCK = 1 << 18
"""Values that are decoded at a time."""
RATES = (2_000, 192_000)
"""Samples a second: below nobody knows what it is, and above nothing records."""
MOST_CHANNELS = 16
SHORTEST, LONGEST = 0.01, 600.0
"""Seconds. Ten milliseconds are one look at the spectrum; ten minutes are a recording to be cut up first."""
MOST_FRAMES = 30_000_000
"""Ten minutes at 48 kHz: a model serves in the memory that a few of these take."""
SILENT = 1e-4
"""Half of the way from the lowest to the highest sample: 80 dB below full scale, three steps of 16 bits."""
CLIPPED = 0.25
"""Loud music has one sample in a hundred at full scale; of a recording with a quarter there the most is lost."""
STEEPEST = 1_000
"""A ratio of rates is made of whole numbers up to this, at most a millionth off: its filter stays short."""


class Unreadable(ValueError):
    """Why the bytes are no sound that can be learned from."""


def rate_of(value: bytes) -> int:
    """The samples a second that the file has. Raises Unreadable."""
    with _opened(value) as file:
        return file.samplerate


def require_readable(value: bytes) -> None:
    """Raise Unreadable, with the reason, unless every sample can be read and there is something to hear."""
    with _opened(value) as file:
        for _ in _mixed(file):
            pass


def samples(value: bytes, rate: int) -> tuple[Samples, float]:
    """The sound at this rate, without the constant that it may stand on, and its peak, by which it was divided.

    Raises Unreadable.
    """
    import numpy as np
    from scipy.signal import resample_poly

    with _opened(value) as file:
        mono = np.concatenate(list(_mixed(file)))
        steps = Fraction(rate, file.samplerate).limit_denominator(STEEPEST)
    mono -= mono.mean(dtype=np.float64).astype(np.float32)
    # What a float file holds has no bounds, and its squares must have some.
    loudest = float(np.abs(mono).max())
    mono /= np.float32(loudest)
    if steps != 1:
        mono = resample_poly(mono, steps.numerator, steps.denominator).astype(np.float32)
    return mono, loudest


def _opened(value: bytes) -> soundfile.SoundFile:
    import soundfile

    if (found := damage(value)) is not None:
        raise Unreadable(found)
    try:
        file = soundfile.SoundFile(io.BytesIO(value))
    except (soundfile.SoundFileError, ValueError, TypeError) as exc:
        raise Unreadable(_said(exc)) from exc
    if (impossible := _impossible(file)) is not None:
        file.close()
        raise Unreadable(impossible)
    return file


def _impossible(file: soundfile.SoundFile) -> str | None:
    """What its header says that cannot be, or is too much."""
    seconds = file.frames / file.samplerate if file.samplerate > 0 else 0.0
    if not RATES[0] <= file.samplerate <= RATES[1]:
        return f"it has {file.samplerate:,} samples a second, expected {RATES[0]:,} to {RATES[1]:,}"
    if file.channels > MOST_CHANNELS:
        return f"it has {file.channels} channels, expected at most {MOST_CHANNELS}"
    if file.subtype.startswith("MPEG"):
        return "it holds MP3, which is not read"
    if file.frames <= 0:
        return "it holds no samples"
    if seconds < SHORTEST:
        return f"it lasts {seconds * 1000:.1f} ms, expected at least {SHORTEST * 1000:.0f}"
    if seconds > LONGEST or file.frames > MOST_FRAMES:
        return f"it lasts {seconds:,.0f} s, expected at most {min(LONGEST, MOST_FRAMES / file.samplerate):.0f}"
    return None


def _mixed(file: soundfile.SoundFile) -> Iterator[Samples]:
    """The blocks of samples, the mean of all channels. Raises Unreadable, if need be after the last one."""
    import numpy as np
    import soundfile

    low, high, n_full, n_frames = np.inf, -np.inf, 0, 0
    while n_frames < file.frames:
        try:
            block = file.read(BLOCK // file.channels, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, ValueError, TypeError) as exc:
            raise Unreadable(_said(exc)) from exc
        if not len(block):
            raise Unreadable(f"it is cut off: {n_frames:,} of {file.frames:,} samples can be read")
        if not np.isfinite(block).all():
            raise Unreadable("a sample is no finite number")
        n_frames += len(block)
        n_full += np.count_nonzero(np.abs(np.abs(block) - 1) <= 0.01) / file.channels
        mono = block.mean(axis=1, dtype=np.float64).astype(np.float32)
        low, high = min(low, float(mono.min())), max(high, float(mono.max()))
        yield mono
    if high - low < 2 * SILENT:
        raise Unreadable("it is silent")
    if n_full > CLIPPED * n_frames:
        raise Unreadable(f"it is clipped: {n_full / n_frames:.0%} of its samples are at full scale")


def _said(exc: Exception) -> str:
    """libsndfile's words, without the address in memory of what it read from."""
    return f"it cannot be decoded: {str(exc).rsplit(': ', 1)[-1].strip().rstrip('.')}"
