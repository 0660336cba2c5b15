"""The engine `torch`: updates and outputs by PyTorch, on its CPU or on a GPU; imported where a run asks for it."""
