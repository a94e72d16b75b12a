"""The wire contract between agents, and the code generated from it."""
