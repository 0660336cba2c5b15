"""The packed engine: any cell, any number of layers, many sequences at a time."""
