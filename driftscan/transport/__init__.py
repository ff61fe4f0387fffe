"""Transports: ways to run a command on a host, one file each."""
