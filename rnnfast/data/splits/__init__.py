"""Training, validation and test parts that share no row."""
