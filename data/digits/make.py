"""Write scikit-learn's digits as images: `python data/digits/make.py` makes the folder `images` beside it anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
from sklearn.datasets import load_digits

HERE = Path(__file__).parent


def main() -> None:
    """One PNG a digit in the folder of its class, named by its number in the data set."""
    digits = load_digits()
    shutil.rmtree(HERE / "images", ignore_errors=True)
    for number, (pixels, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
        folder = HERE / "images" / str(digit)
        folder.mkdir(parents=True, exist_ok=True)
        # 17 shades, from 0 to 16, over the range of a byte; ink is white there.
        image = PIL.Image.fromarray(np.rint(pixels / 16 * 255).astype(np.uint8))
        image.save(folder / f"{number:04}.png", optimize=True)


if __name__ == "__main__":
    main()
