"""Images: encoded bytes in; pixels on a grid, the directions of edges, and where there are colours these, out."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.records import Dataset, Feature, Note, Record
from tasks.modalities import gradients, pictures
from tasks.modalities.modality import Modality, View, Wants, dropped

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image
    import polars as pl

SMALL = 16
"""Images of at most so many pixels a side keep all their pixels."""
LOOKED_AT = 200
"""Training images by which the view is decided."""
COLOURED = 0.03
"""How far apart red, green and blue are on average, of 1, in a coloured image; noise and sepia are below."""
SHADES = 8
THUMBNAIL = 64
COMPONENTS = 64
"""See `front.COMPACT`, which imports this module."""
ROWS_A_COMPONENT = 6
"""A component needs rows, and the first fold in time has but a sixth of them."""


class Sight(Record):
    """How an image is looked at: resized to `side` pixels a side, in cells of `cell`, with a grid of brightness."""

    side: int = 48
    cell: int = 8
    grid: int = 12
    colours: bool = False
    components: int = COMPONENTS
    """How many the compact front makes; fewer for a few rows."""

    @property
    def width(self) -> int:
        pixels = self.grid**2 * (3 if self.colours else 1)
        return pixels + gradients.n_values(self.side, self.cell) + (3 * SHADES if self.colours else 0)


class Image(Modality):
    """An image of any size: squeezed to a square, its brightness or colours on a grid, and its edges."""

    kind = "image"
    column_type = "image"
    strange = (-1.0, 0.0, 1.0, 3.0)
    watched = pictures.WATCHED

    def feature(self, train: Dataset, column: str, expression: str | None) -> Feature | Note:
        looks = [look for value in _some(train, column) if (look := _look(value)) is not None]
        if not looks:
            return dropped(column, train.n_rows, "has no image that can be read in the training rows")
        sides, spreads = sorted(look[0] for look in looks), [look[1] for look in looks]
        side = sides[len(sides) // 2]
        coloured = sum(spread > COLOURED for spread in spreads) * 10 > len(spreads)
        rows = max(1, min(COMPONENTS, train.n_rows // ROWS_A_COMPONENT))
        sight = Sight(colours=coloured, components=rows)
        if side <= SMALL:
            sight = sight.model_copy(update={"side": SMALL, "cell": 4, "grid": SMALL // 2 if side <= 8 else SMALL})
        of = "colours" if coloured else "brightness"
        return Feature(
            name=column,
            kind=self.kind,
            width=sight.width,
            settings=sight.model_dump_json(),
            expression=expression,
            reason=f"images: {of} on a {sight.grid} x {sight.grid} grid, and their edges",
        )

    def encoder(self, feature: Feature) -> Callable[[Any], View]:
        import numpy as np

        sight = Sight.model_validate_json(feature.settings)

        def encode(value: bytes | None) -> View:
            if value is None:
                return np.full(feature.width, np.nan)
            try:
                return _seen(pictures.decoded(value, 4 * sight.side), sight)
            except (pictures.Unreadable, TypeError) as exc:
                raise DataError(
                    f"Feature {feature.name!r} cannot be read",
                    expected="the bytes of an image (PNG, JPEG, GIF, BMP or WebP)",
                    found=str(exc),
                    action="Send the file as it is",
                ) from exc

        return encode

    def encode(self, feature: Feature, values: pl.Series) -> View:
        import numpy as np

        with ThreadPoolExecutor() as pool:  # decoding leaves the interpreter free
            views = list(pool.map(self.encoder(feature), values))
        return np.array(views, np.float64).reshape(len(values), feature.width)

    def drift_view(self, feature: Feature, values: pl.Series) -> View:
        import numpy as np

        with ThreadPoolExecutor() as pool:
            rows = list(pool.map(pictures.watched, values))
        return np.array(rows, np.float64).reshape(len(values), len(self.watched))

    def front(self, feature: Feature, wants: Wants, seed: int) -> Any:
        from sklearn.decomposition import PCA
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        # The view is about 1 everywhere. To divide each column by its deviation would make noise of a margin's faint
        # edges as loud as the motif: 1 to 3 points less accuracy on photographs and digits.
        impute = SimpleImputer(keep_empty_features=True)
        if wants == "wide":
            return make_pipeline(impute, StandardScaler(with_std=False))
        components = Sight.model_validate_json(feature.settings).components
        return make_pipeline(impute, PCA(min(components, feature.width)).set_params(random_state=seed))

    def fault(self, value: bytes) -> str | None:
        try:
            pictures.decoded(value, THUMBNAIL)
        except pictures.Unreadable as exc:
            return str(exc)
        return None

    def sample(self, values: pl.Series) -> pl.Series:
        import polars as pl

        return pl.Series(values.name, [value if value is None else _small(value) for value in values], pl.Binary)


def _seen(image: PIL.Image.Image, sight: Sight) -> View:
    """The view of a decoded image: every part about as large as the others, or a linear model would see one alone."""
    import numpy as np
    import PIL.Image

    resized = image.resize((sight.side, sight.side), PIL.Image.Resampling.BOX)
    colours = np.asarray(resized, np.float64) / 255
    grey = colours @ np.array([0.299, 0.587, 0.114])
    each = sight.side // sight.grid
    shown = colours if sight.colours else grey[:, :, None]
    pixels = shown.reshape(sight.grid, each, sight.grid, each, -1).mean(axis=(1, 3))
    # The root evens out light and shadow. A block has 36 values and the length 1: 6 makes each about 1.
    parts = [2 * pixels.ravel(), 6 * gradients.histograms(np.sqrt(grey), sight.cell)]
    if sight.colours:
        parts.append(_shades(colours))
    return np.concatenate(parts)


def _shades(colours: np.ndarray[Any, np.dtype[np.float64]]) -> View:
    """For red, green and blue the root of the share of pixels in each of a few shades."""
    import numpy as np

    shades = np.minimum((colours * SHADES).astype(np.int64), SHADES - 1) + SHADES * np.arange(3)
    return np.sqrt(np.bincount(shades.ravel(), minlength=3 * SHADES) / shades[..., 0].size) * 2


def _some(train: Dataset, column: str) -> Iterator[bytes]:
    """Images from all over the training rows, a few in memory at a time."""
    every = max(1, train.n_rows // LOOKED_AT)
    at = 0
    for batch in store.batches(train, [column], 256):
        values = batch.column(column)
        first = -at % every
        yield from (value for value in values.slice(first).to_pylist()[::every] if value is not None)
        at += batch.num_rows


def _look(value: bytes) -> tuple[int, float] | None:
    """Its longer side in pixels, and how far its colours are apart; None for what is no image."""
    import numpy as np

    try:
        image = pictures.decoded(value, THUMBNAIL)
    except pictures.Unreadable:
        return None
    colours = np.asarray(image.resize((SMALL, SMALL)), np.float64) / 255
    return max(image.size), float(np.ptp(colours, axis=-1).mean())


def _small(value: bytes) -> bytes:
    try:
        image = pictures.decoded(value, THUMBNAIL)
    except pictures.Unreadable:
        return value
    if max(image.size) <= THUMBNAIL and len(value) < 8_192:
        return value
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()
