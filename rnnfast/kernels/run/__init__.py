"""A run of updates: epochs, batches, the threads that share them, and what Python sees of all that."""
