"""What drives the terraform or tofu binary: one process a step, read through its JSON stream."""
