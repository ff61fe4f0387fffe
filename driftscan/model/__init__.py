"""What is seen on a host: items, outcomes, trees, snapshots, findings; pure data, no I/O."""
