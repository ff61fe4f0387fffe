"""A host at work: two scans in a row tell no drift, and what somebody did meanwhile is all that the third tells."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.lab import hosts
from tests.lab.auditor import Auditor

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("quiet")]

BUSY = Path(__file__).with_name("busy.sh").read_text()
# What hides where the noise is: a program in a cache, a key, a unit's process, rights of a log, a line for cron.
DONE = """
mkdir -p /var/cache/fontconfig; cp /bin/sleep /var/cache/fontconfig/.cache-7; chmod 755 /var/cache/fontconfig/.cache-7
chmod 666 /var/log/auth.log
echo '* * * * * root true' >/etc/cron.d/.placeholder2; echo '* * * * * root true' >/etc/cron.d/sync
systemd-run --quiet --on-calendar=daily /var/cache/fontconfig/.cache-7 1
(setsid nohup /var/cache/fontconfig/.cache-7 3600 >/dev/null 2>&1 </dev/null &)
"""
SEEN = {  # each told once: of the files for cron their lines are told, of the new directory nothing below it
    ("files", "/var/cache/fontconfig"),
    ("files", "/var/log/auth.log"),
    ("schedules", "/etc/cron.d/.placeholder2: * * * * * true"),
    ("schedules", "/etc/cron.d/sync: * * * * * true"),
    ("processes", "root: /var/cache/fontconfig/.cache-7 3600"),
}


@contextmanager
def logins(host: hosts.LabHost) -> Iterator[None]:
    """Log in and out again and again."""
    over = threading.Event()

    def again() -> None:
        while not over.wait(0.5):
            with suppress(RuntimeError):  # sshd may be busy, too
                host.root("sleep 0.3; ls /root")

    running = threading.Thread(target=again)
    running.start()
    try:
        yield
    finally:
        over.set()
        running.join()


def test_a_busy_host_is_quiet_and_what_is_done_to_it_is_seen(tmp_path: Path, login: Callable[..., list[str]]) -> None:
    auditor = Auditor(tmp_path)

    def scan(host: hosts.LabHost) -> None:
        done = auditor.run("scan", *login(host))
        assert done.returncode == 0, done.stdout + done.stderr

    def differences(host: hosts.LabHost, before: str) -> set[tuple[str, str]]:
        done = auditor.run("diff", f"{host.address}@{before}", host.address, "--format", "json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        return {(drift["scope"], drift["key"]) for drift in told["drifts"]}

    with hosts.host("quiet", "sauced") as host:
        host.root(BUSY, "bash -s setup")
        host.root(f"cat >/root/busy.sh <<'END'\n{BUSY}\nEND\nsetsid nohup bash /root/busy.sh run 300 >/dev/null 2>&1 &")
        with logins(host):
            scan(host)
            scan(host)
            assert differences(host, "~1") == set()
            host.root(DONE)
            scan(host)
        found = differences(host, "~1")
    timers = {one for one in found if one[0] in {"services", "schedules"} and one[1].startswith("run-*.")}
    assert len(timers) >= 1
    assert {(scope, key.partition(" [")[0]) for scope, key in found - timers} == SEEN
