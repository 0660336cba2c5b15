"""The equations: cells, activations, losses, optimizers."""
