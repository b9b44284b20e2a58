"""Learning from decisions in the background: training, comparison, and the versions that are kept."""
