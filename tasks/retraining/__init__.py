"""When to train anew: what the live rows, their outcomes and the ledger say of it."""
