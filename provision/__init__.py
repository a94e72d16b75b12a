"""How to get there: the only room that touches clouds, SSH and local processes."""
