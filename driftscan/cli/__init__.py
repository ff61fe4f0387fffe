"""The command line: what a person types, and nothing that could be asked in another way."""


def main() -> None:
    """Run the command `driftscan`; an expected error is one line on stderr and its exit code."""
    from driftscan.cli.app import run

    raise SystemExit(run())
