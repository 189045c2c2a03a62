"""What a table is like, in figures, and what may therefore be expected of others of its kind."""
