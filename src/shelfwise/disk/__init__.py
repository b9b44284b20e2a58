"""Files and folders that are there whole or not at all, one writer at a time, and the cache."""
