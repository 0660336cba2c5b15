"""Training: from sequences to a scored model. Nothing is imported here: `train` needs none of what `tune` does."""
