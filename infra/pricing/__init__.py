"""Prices, each with its source and date."""
