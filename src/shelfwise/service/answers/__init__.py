"""What callers get: the forms of answers with examples, and problems."""
