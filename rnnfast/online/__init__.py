"""Rows on a stream in, an answer for each out: what `rnnfast stream` does."""
