"""The lab's hosts for tests: bring them up, reach them, take them down again."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_LAB = Path(__file__).with_name("lab.sh")
_DIRECTORY = Path(os.environ.get("LAB_DIR", "/srv/lab"))


@dataclass(frozen=True)
class LabHost:
    """A host that runs: its address and the private key that root's login takes."""

    name: str
    address: str

    @property
    def key(self) -> str:
        return str(_DIRECTORY / "id")

    def root(self, script: str, shell: str = "sh -s") -> str:
        """Run `script` by the host's own sh as root, not through the transports under test; return its stdout."""
        return _lab("ssh", self.name, shell, stdin=script)

    def disk(self) -> Path:
        """Return where the host's true root file system can be read."""
        return Path(_lab("root", self.name).strip())

    def leader(self) -> int:
        """Return the process id of the host's init as it is seen from here."""
        return int(_lab("leader", self.name))

    def exec(self, *command: str) -> str:
        """Run a command inside without ssh: also when sshd does not run."""
        return _lab("exec", self.name, *command)


def require() -> None:
    """Skip the test loudly where there can be no lab; under CI=true that is an error."""
    if os.geteuid() == 0:
        return
    reason = "the lab needs root"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    warnings.warn(f"tests of real hosts are skipped: {reason}", pytest.PytestWarning, stacklevel=2)
    pytest.skip(reason)


def up(name: str, flavor: str = "bookworm") -> LabHost:
    """Build the flavor if it is not cached yet, boot a new host of that name, and return it."""
    _lab("base", flavor)
    if (_DIRECTORY / "hosts" / name).exists():  # left over from a run that was killed
        _lab("down", name)
    _lab("up", name, flavor)
    return LabHost(name, _lab("ip", name).strip())


@contextmanager
def fleet(prefix: str, count: int) -> Iterator[list[LabHost]]:
    """Run `count` busybox hosts, the cheapest: 6 MB each, no init system; their names are `prefix` and a number."""
    require()
    names = [f"{prefix}{number}" for number in range(1, count + 1)]
    _lab("base", "busybox")
    _lab("down", *names)  # left over from a run that was killed
    _lab("up", "-n", str(count), prefix, "busybox")
    try:
        yield [LabHost(name, _lab("ip", name).strip()) for name in names]
    finally:
        _lab("down", *names)


def prepared(flavor: str, script: str) -> str:
    """Return a flavor that is `flavor` after `script` has run on it as root: made once and kept, as bases are.

    Another script, or a base built anew, makes another one.
    """
    require()
    _lab("base", flavor)
    built = (_DIRECTORY / "bases" / flavor / "layers").stat().st_mtime_ns
    key = hashlib.sha256(f"{built}\n{script}".encode()).hexdigest()[:10]
    base = _DIRECTORY / "bases" / f"{flavor}-{key}"
    with (_DIRECTORY / f"base-{base.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers may want the same
        if not (base / "layers").exists():
            shutil.rmtree(base, ignore_errors=True)  # of a run that was killed
            with host(f"make-{key}", flavor) as maker:
                maker.root(script)
                _lab("stop", maker.name)
                _lab("save", maker.name, base.name)
    return base.name


def down(name: str) -> None:
    """Kill the host and delete its disk."""
    _lab("down", name)


@contextmanager
def host(name: str, flavor: str = "bookworm") -> Iterator[LabHost]:
    """Give a host for as long as the block runs."""
    require()
    lab_host = up(name, flavor)
    try:
        yield lab_host
    finally:
        down(name)


def _lab(*arguments: str, stdin: str = "") -> str:
    done = subprocess.run((_LAB, *arguments), input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"lab.sh {' '.join(arguments)}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def disk_count(host: LabHost) -> int:
    """Return how many paths the host's own find sees on its root file system and in /tmp and /dev/shm, without /."""
    found = "find / /tmp /dev/shm -xdev -print0 2>/dev/null | tr '\\n\\000' '\\001\\n' | sort -u | wc -l"
    return int(host.root(found)) - 1


def database_size(directory: Path) -> int:
    """Return the bytes of the test's database, its write-ahead log included."""
    return sum(path.stat().st_size for path in directory.glob("driftscan.db*") if not path.name.endswith("-shm"))


def plain_user(host: LabHost, *, sudo: bool = False) -> str:
    """Make an account without rights (with sudo for everything, without a password) that root's key opens."""
    name = "helper" if sudo else "guest"
    rights = f"echo '{name} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{name}; chmod 440 /etc/sudoers.d/{name}" if sudo else ":"
    host.root(
        f"grep -q '^{name}:' /etc/passwd && exit 0\n"
        f"if command -v useradd >/dev/null; then useradd -m -s /bin/sh {name}; else\n"
        f"echo '{name}:x:1500:1500::/home/{name}:/bin/sh' >>/etc/passwd; echo '{name}:x:1500:' >>/etc/group\n"
        f"echo '{name}:*:19000:0:99999:7:::' >>/etc/shadow; mkdir -p /home/{name}; fi\n"
        f"mkdir -p /home/{name}/.ssh; cp /root/.ssh/authorized_keys /home/{name}/.ssh/\n"
        f"chown -R {name} /home/{name}; chmod 700 /home/{name}/.ssh; {rights}\n"
    )
    return name
