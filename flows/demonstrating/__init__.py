"""The whole loop played on real parts, with days that pass at once: for `keepfit up --once` and the tests."""
