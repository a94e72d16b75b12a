"""What runs on a machine: the roles of a fleet, behind one command."""
