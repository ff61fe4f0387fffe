"""What `driftscan nightly` is made of."""
