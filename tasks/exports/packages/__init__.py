"""Packages by which a model is taken elsewhere, by their kind: the union is the registry of `keepfit export --to`."""

from tasks.exports.packages.c_source import CSource
from tasks.exports.packages.container import Container
from tasks.exports.packages.folder import File, Manifest, packed
from tasks.exports.packages.onnx_file import OnnxFile
from tasks.exports.packages.package import Made, Package, Source
from tasks.exports.packages.web_page import WebPage

__all__ = ["PACKAGES", "File", "Made", "Manifest", "Package", "Source", "packed"]

PACKAGES: dict[str, type[Package]] = {"onnx": OnnxFile, "browser": WebPage, "c": CSource, "docker": Container}
"""A new kind is named here, and in `flows/arguments/answering.py`."""
