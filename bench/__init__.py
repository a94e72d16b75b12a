"""Every speed claim of the project: measured here, printed as a table, kept as JSON."""
