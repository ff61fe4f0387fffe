"""Collecting: run the probes of all scopes on one host and make a snapshot of what they bring."""
