"""What should exist: pure decisions, without network, processes or tensors."""
