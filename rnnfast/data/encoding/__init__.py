"""What is fitted to columns, and the inputs of a network that it makes of them."""
