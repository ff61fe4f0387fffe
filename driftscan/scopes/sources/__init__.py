"""Package repositories, one module per family of managers; for the scope `repositories`."""
