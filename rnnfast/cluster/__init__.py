"""Pure tasks on a cluster of Dask, or in this process, by one interface; what becomes of those that lose a worker."""
