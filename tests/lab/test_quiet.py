"""A host at work: two scans in a row tell no drift, and what somebody did meanwhile is all that the third tells."""

import json
import threading
from collections.abc import Container, Iterator
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
chmod 666 /var/log/lastlog
echo '* * * * * root true' >/etc/cron.d/.placeholder2; echo '* * * * * root true' >/etc/cron.d/sync
systemd-run --quiet --on-calendar=daily /var/cache/fontconfig/.cache-7 1
(setsid nohup /var/cache/fontconfig/.cache-7 3600 >/dev/null 2>&1 </dev/null &)
"""
SEEN = {  # each told once: of the files for cron their lines are told, of the new directory nothing below it
    ("files", "/var/cache/fontconfig"),
    ("files", "/var/log/lastlog"),
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


def test_a_busy_host_is_quiet_and_what_is_done_to_it_is_seen(tmp_path: Path) -> None:
    auditor, inventory = Auditor(tmp_path), tmp_path / "hosts.yaml"

    def run(*arguments: str, codes: Container[int] = (0,)) -> str:
        done = auditor.run(*arguments, "-i", str(inventory))
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout

    def told(output: str) -> set[tuple[str, str]]:
        (document,) = json.loads(output) if output.startswith("[") else [json.loads(output)]
        return {(drift["scope"], drift["key"]) for drift in document["drifts"]}

    with hosts.host("quiet", "sauced") as host:
        login = {"address": host.address, "user": "root", "identity": host.key, "accept_new_host_key": True}
        inventory.write_text(json.dumps({"hosts": {"busy": {**login, "role": "shop"}}}))
        host.root(BUSY, "bash -s setup")
        host.root(f"cat >/root/busy.sh <<'END'\n{BUSY}\nEND\nsetsid nohup bash /root/busy.sh run 300 >/dev/null 2>&1 &")
        with logins(host):
            run("scan", "busy")
            run("baseline", "init", "busy", "--versions", "exact")
            run("scan", "busy")
            assert told(run("diff", "busy@~1", "busy", "--format", "json")) == set()
            assert told(run("check", "--no-scan", "busy", "--format", "json")) == set()
            host.root(DONE)
            run("scan", "busy")
        changes = told(run("diff", "busy@~1", "busy", "--format", "json"))
        drifts = told(run("check", "--no-scan", "busy", "--format", "json", codes=(4,)))
    timers = {one for one in changes if one[0] in {"services", "schedules"} and one[1].startswith("run-*.")}
    assert len(timers) >= 1
    assert {(scope, key.partition(" [")[0]) for scope, key in changes - timers} == SEEN
    # A check asks what explains a thing: systemd explains its transient timer, and that the process of its program.
    assert drifts == {one for one in SEEN if one[0] != "processes"}
