"""What people read of a run: one page of charts and words, and short tables for Prefect."""
