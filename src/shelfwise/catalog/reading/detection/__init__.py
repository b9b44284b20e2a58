"""What a file is: its format, its encoding, and how it says things."""
