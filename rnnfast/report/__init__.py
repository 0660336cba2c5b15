"""What a run is worth, as a page to read and send on, and as figures in notebooks."""
