"""Models for other programs: C, PyTorch, JSON. Each file is compared with the model before it is written."""
