"""Sounds: the bytes of WAV, FLAC and OGG files in, how their spectrum goes in time and what it is on the whole out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.records import Dataset, Feature, Note
from tasks.modalities.modality import Modality, View, Wants, dropped
from tasks.modalities.samples import Unreadable, rate_of, require_readable, samples

if TYPE_CHECKING:
    import polars as pl

COEFFICIENTS, STEPS = 20, 24
LOOKED_AT = 500
"""Sounds whose headers say at which rate all are heard."""
RATES = (16_000, 8_000)
"""The first is enough for speech and most else; where many sounds hold less, the second is what they have in common."""
COMPONENTS = 64
FIT_ROWS = 6
"""Training rows for each component: the smallest fit of a cross-validation in time has about a sixth of all."""
EXAMPLE_BYTES, EXAMPLE_SECONDS = 32 << 10, 1


class Sound(Modality):
    """A sound of any length, rate and number of channels as its cepstrum in a few steps, and statistics."""

    kind = "sound"
    column_type = "sound"
    strange = (0.0, 20.0, -20.0)
    watched = ("duration", "loudness", "crossings", "spectral centre", "spectral spread")
    """In seconds, bels below full scale, a tenth of the samples, and tenths of the mel bands."""

    def feature(self, train: Dataset, column: str, expression: str | None) -> Feature | Note:
        from tasks.modalities import spectrum

        rates = _rates(train, column)
        if not rates:
            return dropped(column, train.n_rows, "there is no sound in it")
        rate = RATES[0] if rates[len(rates) // 10] >= RATES[0] else RATES[1]
        settings = {"rate": rate, "coefficients": COEFFICIENTS, "steps": STEPS}
        n_components = max(1, min(COMPONENTS, train.n_rows // FIT_ROWS))
        low, high = rates[0], rates[-1]
        found = f"{low:,} Hz" if low == high else f"{low:,} to {high:,} Hz"
        return Feature(
            name=column,
            kind=self.kind,
            width=spectrum.width(COEFFICIENTS, STEPS),
            settings=json.dumps({**settings, "components": n_components}),
            expression=expression,
            reason=f"sounds at {found}, heard at {rate:,} Hz as {COEFFICIENTS} cepstral coefficients in {STEPS} steps",
        )

    def encoder(self, feature: Feature) -> Callable[[Any], View]:
        import numpy as np

        from tasks.modalities import spectrum

        said = json.loads(feature.settings)
        rate, coefficients, steps = said["rate"], said["coefficients"], said["steps"]

        def encode(value: bytes | None) -> View:
            if value is None:
                return np.full(feature.width, np.nan)
            try:
                return spectrum.view(*samples(value, rate), rate, coefficients, steps)
            except Unreadable as exc:
                raise DataError(
                    f"Feature {feature.name!r} cannot be read",
                    expected="the bytes of a WAV, FLAC or OGG file with a sound in it",
                    found=str(exc),
                    action="Send another recording",
                ) from exc

        return encode

    def drift_view(self, feature: Feature, values: pl.Series) -> View:
        import numpy as np

        from tasks.modalities import spectrum

        rate = json.loads(feature.settings)["rate"]
        rows = np.full((len(values), len(self.watched)), np.nan)
        for place, value in enumerate(values):
            with suppress(Unreadable):
                if value is not None:
                    sound, loudest = samples(value, rate)
                    rows[place] = spectrum.view(sound, loudest, rate, COEFFICIENTS, STEPS)[-spectrum.N_STATISTICS :]
                    rows[place, 0] = len(sound) / rate
        return rows

    def front(self, feature: Feature, wants: Wants, seed: int) -> Any:
        """Standardised, or the principal components, as large as they are: about one, the first ones larger.

        With components of equal size a network learnt spoken digits, and heard other speakers, worse (0.42 against
        0.55 right of a speaker who was not among the training rows).
        """
        from sklearn.decomposition import PCA
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        filled = SimpleImputer(keep_empty_features=True)
        if wants == "wide":
            return make_pipeline(filled, StandardScaler())
        return make_pipeline(filled, PCA(json.loads(feature.settings)["components"], svd_solver="covariance_eigh"))

    def fault(self, value: bytes) -> str | None:
        try:
            require_readable(value)
        except Unreadable as exc:
            return str(exc)
        return None

    def sample(self, values: pl.Series) -> pl.Series:
        import polars as pl

        return pl.Series(values.name, [value and _short(value) for value in values], dtype=pl.Binary)


def _rates(train: Dataset, column: str) -> list[int]:
    """The rates of some sounds from all over the training rows, in order."""
    every = max(1, train.n_rows // LOOKED_AT)
    found: list[int] = []
    row = 0
    for batch in store.batches(train, [column], rows=64):
        for value in batch.column(0):
            if row % every == 0 and value.is_valid:
                found.append(rate_of(value.as_py()))
            row += 1
    return sorted(found)


def _short(value: bytes) -> bytes:
    """The beginning of a sound that is long, for a card to hold."""
    import soundfile

    if len(value) <= EXAMPLE_BYTES:
        return value
    try:
        mono, _ = samples(value, RATES[1])
    except Unreadable:
        return value
    written = io.BytesIO()
    soundfile.write(written, mono[: RATES[1] * EXAMPLE_SECONDS], RATES[1], format="FLAC", subtype="PCM_16")
    return written.getvalue()
