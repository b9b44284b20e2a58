"""Networks that fuse members: their features, and the policies that are networks."""
