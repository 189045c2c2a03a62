"""Write the clips of this example: every one is computed here, and none was recorded.

`python data/sounds/make.py` writes them anew. The same seed gives the same sounds; the bytes of OGG files differ in
the number that the format gives every stream at random.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import butter, lfilter

SEED = 20_261
N_EACH = 72
HERE = Path(__file__).parent / "clips"
RATES = (8_000, 8_000, 8_000, 11_025, 16_000)
FORMATS = (("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("WAV", "PCM_U8"))
OPUS_RATE = 8_000
"""Opus knows a few rates only."""

Array = np.ndarray[Any, np.dtype[np.float64]]
Make = Callable[[np.random.Generator, Array, int], Array]


def siren(random: np.random.Generator, t: Array, rate: int) -> Array:
    """A tone that goes up and down, with two overtones."""
    low, high = random.uniform(350, 700), random.uniform(750, 1_600)
    turn = 0.5 + 0.5 * np.sin(2 * np.pi * (random.uniform(0.6, 4) * t + random.uniform()))
    phase = 2 * np.pi * np.cumsum(low + (high - low) * turn) / rate
    return np.sin(phase) + random.uniform(0, 0.5) * np.sin(2 * phase) + random.uniform(0, 0.3) * np.sin(3 * phase)


def bell(random: np.random.Generator, t: Array, rate: int) -> Array:
    """Inharmonic partials that die away, the higher the sooner; struck once or twice."""
    lowest, decay = random.uniform(300, 900), random.uniform(2, 9)
    found = np.zeros_like(t)
    for strike in random.uniform(0, t[-1] * 0.6, random.integers(1, 3)):
        since = np.maximum(t - strike, 0)
        for ratio in (1.0, 2.0, 2.4, 3.0, 4.5):
            ring = np.exp(-decay * ratio * since) * (t >= strike) * random.uniform(0.2, 1)
            found += ring * np.sin(2 * np.pi * lowest * ratio * random.uniform(0.99, 1.01) * since)
    return found


def engine(random: np.random.Generator, t: Array, rate: int) -> Array:
    """Pulses of noise at a speed that drifts, muffled."""
    speed = random.uniform(18, 70) * (1 + random.uniform(-0.4, 0.4) * t / t[-1])
    pulses = np.maximum(np.sin(2 * np.pi * np.cumsum(speed) / rate), 0) ** random.uniform(1, 6)
    b, a = butter(2, random.uniform(300, 1_200) / (rate / 2))
    return lfilter(b, a, pulses * random.normal(1, 1, len(t)))


def rain(random: np.random.Generator, t: Array, rate: int) -> Array:
    """Hiss, and drops that fall whenever they do."""
    b, a = butter(1, random.uniform(600, 1_800) / (rate / 2), "high" if random.uniform() < 0.5 else "low")
    hiss = lfilter(b, a, random.normal(0, 1, len(t)))
    drops = (random.uniform(0, 1, len(t)) < random.uniform(20, 200) / rate) * random.uniform(2, 12, len(t))
    b, a = butter(2, np.array([0.2, random.uniform(0.4, 0.9)]), "band")
    return hiss * random.uniform(0.2, 1) + lfilter(b, a, drops * random.choice([-1, 1], len(t)))


def knock(random: np.random.Generator, t: Array, rate: int) -> Array:
    """Some short blows on something hollow, in a rhythm that is not quite kept."""
    found, at, every = np.zeros_like(t), random.uniform(0, 0.2), random.uniform(0.1, 0.3)
    pitch, decay = random.uniform(120, 700), random.uniform(25, 80)
    while at < t[-1]:
        since = np.maximum(t - at, 0)
        blow = np.exp(-decay * since) * (t >= at) * random.uniform(0.5, 1)
        found += blow * (np.sin(2 * np.pi * pitch * since) + 0.4 * random.normal(0, 1, len(t)))
        at += every * random.uniform(0.8, 1.2)
    return found


CLASSES: dict[str, Make] = {"bell": bell, "engine": engine, "knock": knock, "rain": rain, "siren": siren}


def clip(make: Make, random: np.random.Generator, rate: int) -> Array:
    """A sound of a class among noise, which may be as loud, between two silences, in one channel or two."""
    t = np.arange(int(rate * random.uniform(0.35, 0.9))) / rate
    sound = make(random, t, rate)
    sound = sound / np.sqrt((sound**2).mean() + 1e-12)
    noise = lfilter([1], [1, -random.uniform(0, 0.95)], random.normal(0, 1, len(t)))
    noise *= 10 ** (-random.uniform(-4, 14) / 20) / np.sqrt((noise**2).mean())
    mixed = np.pad(sound + noise, (random.integers(0, rate // 8), random.integers(0, rate // 8)))
    mixed *= random.uniform(0.05, 0.9) / np.abs(mixed).max()
    return np.column_stack([mixed, mixed * random.uniform(0.3, 1)]) if random.uniform() < 0.15 else mixed


def main() -> None:
    """All clips, a folder for each class; of two the last is broken, as in any collection."""
    random = np.random.default_rng(SEED)
    shutil.rmtree(HERE, ignore_errors=True)
    for name, make in CLASSES.items():
        (HERE / name).mkdir(parents=True)
        for number in range(N_EACH):
            form, subtype = FORMATS[random.integers(len(FORMATS))]
            rate = OPUS_RATE if subtype == "OPUS" else int(RATES[random.integers(len(RATES))])
            path = HERE / name / f"{number:03}.{form.lower()}"
            soundfile.write(path, clip(make, random, rate), rate, format=form, subtype=subtype)
    soundfile.write(HERE / "rain" / "silent.flac", np.zeros(4_000), 8_000)
    whole = (HERE / "bell" / "cut.wav").open("w+b")
    with whole:
        soundfile.write(whole, clip(bell, random, 8_000), 8_000, format="WAV", subtype="PCM_U8")
        whole.truncate(3_000)


if __name__ == "__main__":
    main()
