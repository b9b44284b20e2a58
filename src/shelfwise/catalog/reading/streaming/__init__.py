"""A source as a stream of blocks and products, in bounded memory and in the file's order."""
