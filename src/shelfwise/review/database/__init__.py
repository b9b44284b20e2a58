"""One SQLite file: products, and decisions that nothing overwrites."""
