"""A model as one file of C99."""
