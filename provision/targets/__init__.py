"""Where a fleet can run; every target starts, stops and observes it the same way."""
