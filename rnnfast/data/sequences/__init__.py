"""Sequences: rows grouped by id and ordered by time, in memory or on disk."""
