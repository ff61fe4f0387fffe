"""driftscan reads a Linux server that nobody understands, and says what is on it."""

__version__ = "0.1.0"
