"""AWS on this machine: moto, and what it lacks of what our stacks ask of AWS."""
