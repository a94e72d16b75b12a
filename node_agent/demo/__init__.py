"""The embedded demo model: its corpus, its training, its evaluation and its checkpoint."""
