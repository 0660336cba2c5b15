"""The register engine: one or two sequences through a small vanilla RNN that stays in registers."""
