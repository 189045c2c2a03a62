"""Every answer that a model gave, kept so that a window of live rows can be judged: who writes, reads and tidies it.

    <home>/predictions/<project>/
      segments/<stem>.open      what a process appends to; it holds a lock on it as long as it lives
      segments/<stem>.seg       complete, waits for compaction
      segments/<stem>.torn      complete, but with bytes at its end that are no rows; its rows are in Parquet
      parquet/<stem>.parquet    the rows of one segment, or, as day-<day>-<digest>.parquet, of many
      media/ab/<sha256>         the bytes of images and sounds, each once
      refusals/<month>.jsonl    how many requests were refused for which reason

A process appends one frame a request (`segment`), another turns segments into Parquet (`compaction`), and readers
see each row once at any time (`reading`).
"""
