"""Where the state of packages lies, by the Filesystem Hierarchy Standard and systemd's file-hierarchy(7)."""

# What lies directly in these is shared by all packages: that one of them is named or owned explains nothing below it.
STATE_ROOTS = (
    b"/var/lib",
    b"/var/cache",
    b"/var/log",
    b"/var/spool",
    b"/var/games",
    b"/var/crash",
    b"/var/account",
    b"/var/db",
)
_SHARED = frozenset({
    b"/var/lib/misc", b"/var/lib/private", b"/var/cache/private", b"/var/log/private", b"/var/cache/www",
    b"/var/spool/cron", b"/var/spool/cron/crontabs", b"/var/spool/cron/tabs", b"/var/spool/mail",
    b"/var/lib/machines", b"/var/lib/portables",
})  # fmt: skip


def is_state(path: bytes) -> bool:
    """Whether a directory of a package at `path` is for its state, and for nobody else's."""
    return path.startswith(tuple(root + b"/" for root in STATE_ROOTS)) and path not in _SHARED
