"""Golden baselines: what the hosts of a role should be, in files that people keep in git."""
