"""What other software is given: the service."""
