"""Logs of package managers and logins; for the scope `history`."""
