"""Labels over HTTP: a service that sheds load, drains, and swaps its model while it serves."""
