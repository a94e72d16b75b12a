"""What a phase costs, line by line."""
