"""The command line: what a person types, and nothing that could be asked in another way."""

import sys
from types import TracebackType


def main() -> None:
    """Run the command `driftscan`; an expected error is one line on stderr and its exit code."""
    from driftscan.model.garbage import collect_rarely, leave_to_exit

    collect_rarely()
    from driftscan.cli.app import run

    sys.excepthook = _told
    try:
        raise SystemExit(run())
    finally:
        leave_to_exit()


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a bug; what it quotes of a host is without its secrets, for somebody will send it on."""
    import traceback

    from driftscan.model.redaction import redact

    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))).text)
