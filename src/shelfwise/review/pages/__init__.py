"""The pages of the review: routes, forms, and what a page shows."""
