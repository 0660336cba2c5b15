"""Epochs of training and prediction: updates, memory, threads, and the objects that Python sees."""
