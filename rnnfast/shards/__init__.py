"""A table that no machine holds: its ids in shards, each a pure function of files, options and number, on workers."""
