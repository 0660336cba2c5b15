"""What the columns of a table mean, and their cells as numbers, batch by batch."""
