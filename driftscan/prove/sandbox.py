"""A throw-away root on this machine, to which a role is applied where there is no blank host."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from driftscan.emit.base import Emitted
from driftscan.errors import UsageError
from driftscan.prove.apply import LONGEST, ApplyError, Log, Run, Watch, brief, shell_run, write_out

_ENOUGH = 60.0  # seconds in which a container starts
_INSIDE = "run/driftscan"  # where the role and the secrets are seen in it
_TAR = ("tar", "-x", "-p", "--numeric-owner", "--acls", "--xattrs", "--xattrs-include=*", "-f")
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"}


class Sandbox:
    """A copy of a root file system, gone when it is closed."""

    def __init__(self, source: Path) -> None:
        if os.geteuid() != 0:
            raise UsageError("a sandbox needs root: it is a root file system of its own", hint="use --on BLANK")
        self._directory = Path(tempfile.mkdtemp(prefix="driftscan-sandbox-", dir="/var/tmp"))
        self.root = self._directory / "root"
        self.root.mkdir(mode=0o755)
        try:
            self._fill(source)
        except BaseException:
            self.close()
            raise

    def command(self, *words: str, binds: Mapping[Path, str]) -> list[str]:
        """Return the command that runs `words` in it, a process tree of its own that ends with it."""
        return self._nspawn(words, binds) if self._has_nspawn else self._chroot(words, binds)

    def close(self) -> None:
        """Remove it; what is mounted in it goes with the processes that mounted it."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def _fill(self, source: Path) -> None:
        if source.is_dir():
            argv = ["cp", "-a", "--reflink=auto", f"{source}/.", str(self.root)]
        elif source.is_file():
            argv = [*_TAR, str(source.absolute()), "-C", str(self.root)]
        else:
            raise UsageError(f"{source} is no directory and no tarball", hint="name a root file system")
        done = subprocess.run(argv, capture_output=True, check=False, timeout=LONGEST)
        if done.returncode:
            raise UsageError(f"{source} cannot be copied: {brief(done.stderr)}")
        if not (self.root / "etc").is_dir() or not (self.root / "usr").is_dir():
            raise UsageError(f"{source} is no root file system: it has no etc beside usr")
        self._has_nspawn = shutil.which("systemd-nspawn") is not None and self._starts()

    def _starts(self) -> bool:
        try:
            done = subprocess.run(
                self._nspawn(("true",), {}), capture_output=True, check=False, timeout=_ENOUGH, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _nspawn(self, words: Sequence[str], binds: Mapping[Path, str]) -> list[str]:
        options = ["--quiet", "--register=no", "--keep-unit", "--pipe", "--as-pid2", "--timezone=off"]
        options += ["--link-journal=no", "--resolv-conf=bind-host", f"--directory={self.root}"]
        options += [f"--setenv={name}={value}" for name, value in _ENVIRONMENT.items()]
        return ["systemd-nspawn", *options, *(f"--bind={path}:/{inside}" for path, inside in binds.items()), *words]

    def _chroot(self, words: Sequence[str], binds: Mapping[Path, str]) -> list[str]:
        """Return the command for machines on which systemd-nspawn does not start."""
        script = "set -e; root=$1; shift\n"
        script += 'mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount -t tmpfs tmpfs "$root/run"\n'
        arguments = [str(self.root)]
        for path, inside in binds.items():
            script += f'mkdir -p "$root/{inside}"; mount --bind "$1" "$root/{inside}"; shift\n'
            arguments.append(str(path))
        environment = " ".join(f"{name}={value}" for name, value in _ENVIRONMENT.items())
        script += f'exec env -i {environment} chroot "$root" "$@"\n'
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts"]
        return [*unshare, "sh", "-c", script, "sh", *arguments, *words]


class InSandbox:
    """The shell role in a sandbox; its secrets in memory where the system has a place for that."""

    def __init__(self, sandbox: Sandbox, emitted: Emitted, values: Mapping[str, bytes], log: Log) -> None:
        self._sandbox = sandbox
        self._log = log
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
        self._secrets = Path(tempfile.mkdtemp(prefix="driftscan-secrets-", dir=memory))
        for name, value in values.items():
            (self._secrets / name).write_bytes(value)
        self._role = Path(tempfile.mkdtemp(prefix="driftscan-role-"))
        write_out(emitted, self._role)

    def apply(self, watch: Watch) -> Run:
        """Run the script once."""
        watch("running rebuild.sh")
        inside = f"{_INSIDE}-role", f"{_INSIDE}-secrets"
        binds = {self._role: inside[0], self._secrets: inside[1]}
        words = ("env", f"DRIFTSCAN_SECRETS=/{inside[1]}", "sh", f"/{inside[0]}/rebuild.sh")
        command = self._sandbox.command(*words, binds=binds)
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=LONGEST, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as late:
            raise ApplyError(f"the shell role did not end within {late.timeout:.0f} s") from None
        self._log.write(done.stdout + done.stderr)
        return shell_run(done.stdout, done.stderr, done.returncode)

    def close(self) -> None:
        """Remove the role and its secrets from this machine."""
        for directory in (self._secrets, self._role):
            shutil.rmtree(directory, ignore_errors=True)
