"""Everything behind HTTP: the queue, batches, model workers, and the change of a model."""
