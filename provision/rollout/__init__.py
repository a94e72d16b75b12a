"""How a release reaches the nodes of a fleet: which of them at once, and in which order."""
