"""Processes and sockets as /proc shows them; for the scopes `processes` and `sockets`."""
