"""Settings of the kernel and the network, on disk and live; for the scopes `kernel` and `network`."""
