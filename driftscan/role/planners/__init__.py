"""What turns the things of a host that somebody has decided on into resources, one module per concern."""
