"""Engines: what runs the epochs of a training and computes outputs. The loop, the data and the answers know none."""
