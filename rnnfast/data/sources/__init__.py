"""Files: opened, unpacked, parsed into columns of cells."""
