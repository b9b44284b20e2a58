"""The review page: people decide about products, and nothing that they decided is lost."""
