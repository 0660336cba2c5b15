"""Models behind a port: what `rnnfast serve` does. `app` and `server` need the extra `serve`."""
