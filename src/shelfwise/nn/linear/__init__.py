"""Linear classifiers of many labels: exact, in batches, and as a tree."""
