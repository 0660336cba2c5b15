"""The machine, its speed, and the gradients of a network beside finite differences."""
