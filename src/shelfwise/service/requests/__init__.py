"""What callers send: limits, early refusals, and the bytes of a request read into checked products."""
