"""Answers to rows as they come, with the state of each id."""
