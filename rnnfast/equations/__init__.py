"""Formulas as graphs: cells, activations and losses are written forward; what training needs follows from them."""
