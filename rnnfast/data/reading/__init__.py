"""From files and options to sequences."""
