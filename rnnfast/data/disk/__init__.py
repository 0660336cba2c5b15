"""Tables larger than memory: read in batches into a store on disk, and trained from it in blocks."""
