"""What starts the nightly run by itself: a systemd service with its timer, or a line for cron, as text."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from driftscan.errors import UsageError

NAME = "driftscan-nightly"
_STOP = 60  # seconds for closing what is open
_SPARE = 1800  # seconds for what comes after the scans
# For programs that scan other machines: a scan of this one must see it as it is, and sudo must be able to run.
_HARDENING = """
# No part of the machine but the user's own files and the database is written.
NoNewPrivileges=yes
ProtectSystem=full
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
"""
# What a user's own manager can do without rights.
_USER_HARDENING = """
NoNewPrivileges=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be started, and when.

    `command` is a program by its absolute path with its arguments; `environment` names a file for secrets; `user` is
    whom the system's service runs as, "" for a unit of the user's own manager. `jitter` and `longest` are seconds.
    """

    command: Sequence[str]
    hour: int
    minute: int
    jitter: float
    longest: float
    environment: str
    user: str = ""
    here: bool = False  # this machine is one of the hosts


def service(job: Job) -> str:
    """Return the text of the service's unit."""
    hardening = "" if job.here else _HARDENING if job.user else _USER_HARDENING
    if hardening and not any("/tmp/" in word for word in job.command):  # noqa: S108 -- what is named there must be seen
        hardening += "PrivateTmp=yes\n" if job.user else ""
    network = "Wants=network-online.target\nAfter=network-online.target\n" if job.user else ""
    user = f"User={specifier(job.user)}\n" if job.user else ""
    return (
        "[Unit]\n"
        "Description=driftscan: scan the hosts, compare them, report\n"
        f"{network}"
        "\n[Service]\n"
        "Type=oneshot\n"
        f"ExecStart={' '.join(argument(word) for word in job.command)}\n"
        f"{user}"
        "# Addresses of messages and of a database, for they hold passwords: DRIFTSCAN_NOTIFY=…, DRIFTSCAN_DB=…\n"
        f"EnvironmentFile=-{specifier(job.environment)}\n"
        "# Exit codes 3 (something could not be seen) and 4 (drift) show among the failed units, which is on purpose.\n"
        f"TimeoutStartSec={job.longest + _SPARE:.0f}\n"
        f"TimeoutStopSec={_STOP}\n"
        "KillMode=mixed\n"
        "Nice=10\n"
        "IOSchedulingClass=best-effort\n"
        "IOSchedulingPriority=7\n"
        f"{hardening}"
    )


def timer(job: Job) -> str:
    """Return the text of the timer's unit."""
    return (
        "[Unit]\n"
        "Description=driftscan every night\n"
        "\n[Timer]\n"
        f"OnCalendar=*-*-* {job.hour:02}:{job.minute:02}:00\n"
        f"RandomizedDelaySec={job.jitter:.0f}\n"
        "# A night that this machine slept through is made up for.\n"
        "Persistent=true\n"
        "\n[Install]\n"
        "WantedBy=timers.target\n"
    )


def crontab(job: Job, *, of_system: bool) -> str:
    """Return the lines of a crontab; with `of_system` they name the user, as in /etc/cron.d.

    UsageError for what cron cannot run: a line cannot hold a line break.
    """
    command = " ".join(shlex.quote(word) for word in job.command)
    if any(ord(character) < 32 for character in command):
        raise UsageError("a line of a crontab cannot hold a line break or another control character")
    secrets = shlex.quote(job.environment)
    line = f"[ ! -r {secrets} ] || {{ set -a; . {secrets}; set +a; }}; exec {command}"
    user = f"{job.user} " if of_system else ""
    return (
        "# cron mails what driftscan prints, which is nothing when all is well. To whom:\n"
        "#MAILTO=you@example.org\n"
        f"{job.minute} {job.hour} * * * {user}{line.replace('%', chr(92) + '%')}\n"
    )


def argument(word: str) -> str:
    """Return one word of a command line as systemd reads it: quoted, without specifiers and variables."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    spelled = "".join(c if ord(c) >= 32 and ord(c) != 127 else f"\\x{ord(c):02x}" for c in specifier(escaped))
    plain = word and all(c.isalnum() or c in "-_=./:,@+" or ord(c) > 127 for c in word)
    return spelled if plain else f'"{spelled}"'


def specifier(text: str) -> str:
    """Return a value in which systemd finds no specifiers."""
    return text.replace("%", "%%")
