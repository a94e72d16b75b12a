"""How an agent shows what it does: logs and the status listener."""
