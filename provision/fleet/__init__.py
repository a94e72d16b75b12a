"""A deployment in a cloud: what is on record of it, and how it comes, changes and goes."""
