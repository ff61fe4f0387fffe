"""`python -m driftscan` is the command `driftscan`."""

from driftscan.cli import main

main()
