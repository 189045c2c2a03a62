"""Asking a model: raw rows in its columns, its ONNX file, and what the test rows say of its answers."""
