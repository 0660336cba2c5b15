"""Every option of a run: how one is declared, the sections that hold them, and the way to their values."""
