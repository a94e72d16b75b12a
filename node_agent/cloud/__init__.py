"""What an agent hears from the cloud its machine is in, and what it tells that cloud."""
