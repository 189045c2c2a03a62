"""The back-test of a retraining policy: a project's history, lived through again window by window."""
