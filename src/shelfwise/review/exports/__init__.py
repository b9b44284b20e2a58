"""What leaves the review: the catalogue with decided categories, and files of decisions."""
