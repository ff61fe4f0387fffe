"""Applying the Ansible role with the real ansible-playbook, over the connection that the inventory describes."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Timer
from typing import Any

import yaml

from driftscan.emit.base import Emitted
from driftscan.errors import UsageError
from driftscan.model.host import Host
from driftscan.model.text import text
from driftscan.prove.apply import LONGEST, ApplyError, Log, Run, Watch, brief, write_out
from driftscan.transport.base import Privilege
from driftscan.transport.opensshclient import Client, client, legacy_options
from driftscan.transport.secret import Prompt, reveal

_NAME = "blank"  # of the host in the inventory that is made for it
_ROLE = "rebuilt"
_RECAP = re.compile(rb"blank\s+:\s+(?P<counts>(?:\w+=\d+\s*)+)")
_TASK = re.compile(rb"(?:TASK|RUNNING HANDLER) \[(?:\w+ : )?(?P<name>.*)\] \*+")
_TROUBLE = re.compile(rb"(?:fatal: \[blank\]|failed: \[blank\]|\[ERROR\]|ERROR!)")
_MEMORY = "/dev/shm"  # noqa: S108 - a directory of its own is made in it
_QUIET = 0.5  # seconds between SIGTERM and SIGKILL


class Ansible:
    """A role, laid out in a directory of its own, and the host that it is for."""

    def __init__(
        self,
        host: Host,
        privilege: Privilege,
        emitted: Emitted,
        values: Mapping[str, bytes],
        *,
        prompt: Prompt,
        directory: Path,
        log: Log,
    ) -> None:
        self._program = program()
        self._directory = directory
        self._log = log
        self._variables = _variables(values)
        if host.password is not None:
            self._variables["ansible_password"] = reveal(host.password, f"password of {host.name}", prompt)
        if privilege.password is not None:
            self._variables["ansible_become_password"] = privilege.password
        self._client = client(host, directory)
        write_out(emitted, directory / "roles" / _ROLE)
        playbook = [{"hosts": "all", "roles": [_ROLE]}]
        (directory / "playbook.yml").write_text(json.dumps(playbook), encoding="utf-8")
        inventory = {"all": {"hosts": {_NAME: _inventory(host, self._client)}}}
        (directory / "inventory.yml").write_text(json.dumps(inventory), encoding="utf-8")
        (directory / "ansible.cfg").touch()

    def apply(self, watch: Watch) -> Run:
        """Run the playbook once."""
        with _handed(self._variables) as variables:
            argv = [self._program, "-i", "inventory.yml", "-e", f"@{variables}", "playbook.yml"]
            code, recap, what, trouble = self._run(argv, variables, watch)
        if code or recap is None or recap.get("failed") or recap.get("unreachable"):
            said = trouble or f"exit code {code}"
            raise ApplyError(f"ansible-playbook did not come to its end: {said}", hint=f"its log is {self._log.path}")
        return Run(recap.get("changed", 0), tuple(what))

    def close(self) -> None:
        """Forget the secrets; the directory is the caller's, and the connection ends by itself."""
        self._variables.clear()

    def _run(self, argv: list[str], variables: Path, watch: Watch) -> tuple[int, dict[str, int] | None, list[str], str]:
        """Return the exit code, the counts of the recap, the tasks that changed something, and the first trouble."""
        process = subprocess.Popen(
            argv, cwd=self._directory, env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        recap, what, trouble, task = None, list[str](), "", ""
        clock = Timer(LONGEST, lambda: _end(process))
        clock.daemon = True
        clock.start()
        try:
            for line in process.stdout or ():
                self._log.write(line)
                if line.startswith(b"PLAY ["):  # they are read by now
                    variables.unlink(missing_ok=True)
                if found := _TASK.match(line):
                    task = text(found["name"])
                    watch(task)
                elif line.startswith(b"changed: [blank]") and task not in what[-1:]:
                    what.append(task)
                elif _TROUBLE.match(line):
                    trouble = _trouble(line, task) or trouble
                elif found := _RECAP.match(line):
                    counts = (one.partition(b"=") for one in found["counts"].split())
                    recap = {name.decode(): int(number) for name, _, number in counts}
            return process.wait(), recap, what, trouble
        finally:
            clock.cancel()
            _end(process)
            if process.stdout is not None:
                process.stdout.close()

    def _environment(self) -> dict[str, str]:
        """Return an environment in which neither a person's settings nor a person's files have a say."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        home = Path("~/.ansible/collections").expanduser()
        return own | {
            "LC_ALL": "C.UTF-8",
            "PATH": f"{Path(self._program).parent}:{os.environ.get('PATH', os.defpath)}",
            "ANSIBLE_CONFIG": str(self._directory / "ansible.cfg"),
            "ANSIBLE_HOME": str(self._directory / "home"),
            "ANSIBLE_LOCAL_TEMP": str(self._directory / "tmp"),
            "ANSIBLE_ROLES_PATH": str(self._directory / "roles"),
            "ANSIBLE_COLLECTIONS_PATH": os.environ.get(
                "ANSIBLE_COLLECTIONS_PATH", f"{home}:/usr/share/ansible/collections"
            ),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._directory / "cp"),
            "ANSIBLE_HOST_KEY_CHECKING": "True",
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "ANSIBLE_STDOUT_CALLBACK": "default",
            "ANSIBLE_DEPRECATION_WARNINGS": "False",
        }


def program() -> str:
    """Return where ansible-playbook is, on the PATH or beside driftscan's Python; UsageError if nowhere."""
    beside = Path(sys.executable).with_name("ansible-playbook")
    found = shutil.which("ansible-playbook") or (str(beside) if os.access(beside, os.X_OK) else "")
    if not found:
        raise UsageError("there is no ansible-playbook here", hint="install ansible-core, or use --with shell")
    return found


def _inventory(host: Host, ssh: Client) -> dict[str, Any]:
    """Return what ansible must know to reach a host as driftscan does: ssh reads the very same configuration."""
    words = ["-F", str(ssh.directory / "config"), "-o", "LogLevel=ERROR"]
    if "-J" in ssh.login:
        words += ["-J", ssh.login[ssh.login.index("-J") + 1]]
    words += legacy_options() if host.legacy_algorithms else []
    found: dict[str, Any] = {
        "ansible_host": ssh.address,
        "ansible_connection": "ssh",
        "ansible_ssh_common_args": shlex.join(words),
        "ansible_ssh_args": "-o ControlMaster=auto -o ControlPersist=15s",
        "ansible_timeout": max(1, round(host.timeout)),
        "ansible_python_interpreter": "auto_silent",
    }
    if host.user:
        found["ansible_user"] = host.user
    if host.port:
        found["ansible_port"] = host.port
    if host.sudo != "none":
        found["ansible_become"] = True
    if host.sudo_tty:  # sudo wants a terminal, and a program that comes by stdin has none
        found |= {"ansible_pipelining": False, "ansible_ssh_extra_args": "-tt"}
    return found


def _trouble(line: bytes, task: str) -> str:
    """Return what a line says of a failure, with its task; what a module said itself tells most."""
    said = line
    with contextlib.suppress(ValueError, AttributeError):
        told = json.loads(line.partition(b" => ")[2])
        said = " ".join(str(told.get(name)) for name in ("msg", "stderr", "module_stderr") if told.get(name)).encode()
    words = brief(b" ".join(said.split()))
    return f"{task}: {words}" if task else words


def _variables(values: Mapping[str, bytes]) -> dict[str, str]:
    try:
        return {name: value.decode() for name, value in values.items()}
    except UnicodeDecodeError:
        name = next(name for name, value in values.items() if not _is_text(value))
        raise UsageError(f"the secret {name} is no text, which Ansible needs", hint="use --with shell") from None


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Unsafe(str):
    """A text that no template engine may touch."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes such texts with the tag by which Ansible knows them."""


_Dumper.add_representer(_Unsafe, lambda dumper, value: dumper.represent_scalar("!unsafe", str(value), style='"'))


@contextlib.contextmanager
def _handed(variables: Mapping[str, str]) -> Iterator[Path]:
    """Give a file of variables that nobody else can read, in memory where the system has a place for that.

    Ansible follows every path to a file of its own, so that none that has no name can be handed over.
    """
    told = yaml.dump({name: _Unsafe(value) for name, value in variables.items()}, Dumper=_Dumper, width=1 << 30)
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="driftscan-", dir=memory) as directory:  # mode 0700
        path = Path(directory) / "variables.yml"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(told.encode())
        yield path


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its group, unless it is over."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        end = time.monotonic() + _QUIET
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
