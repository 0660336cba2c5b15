"""What a network is made of and where its tensors lie; without Numba."""
