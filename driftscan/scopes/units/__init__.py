"""What starts things: units of systemd, init scripts, crontabs; for the scopes `services` and `schedules`."""
