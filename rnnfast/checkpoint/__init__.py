"""Checkpoints: what a run that was killed goes on from, bit for bit as if nothing had happened."""
