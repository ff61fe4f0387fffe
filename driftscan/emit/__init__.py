"""Emitters: a role spelled for one tool, and nothing decided."""
