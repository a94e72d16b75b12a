"""Where live prices come from, one adapter for each source."""
