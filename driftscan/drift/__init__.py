"""Drift: comparing snapshots with baselines and with each other, and saying since when and by whom."""
