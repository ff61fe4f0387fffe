"""How the system's ssh is called: its configuration for one host, its arguments, and what it makes of them."""

import os
import pwd
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from driftscan.errors import TransportError
from driftscan.model.host import Host, Jump
from driftscan.transport.algorithms import weak
from driftscan.transport.opensshlog import diagnose

_SYSTEM_CONFIGURATION = "/etc/ssh/ssh_config"
_DEFAULT_TIMEOUT = next(entry.default for entry in fields(Host) if entry.name == "timeout")
_LEGACY = {"KexAlgorithms": "kex", "HostKeyAlgorithms": "key", "Ciphers": "cipher", "MACs": "mac"}
# The old name of PubkeyAcceptedAlgorithms is understood by old and new clients alike.
_LEGACY_KEYS = "PubkeyAcceptedKeyTypes"


@dataclass(frozen=True, slots=True)
class Client:
    """The system's ssh for one host; `directory` is private and holds its configuration, socket and log."""

    directory: Path
    address: str
    login: tuple[str, ...]
    user: str
    hostname: str
    port: str

    @property
    def where(self) -> str:
        """The place that is to be reached."""
        return f"{self.hostname} port {self.port}"

    @property
    def socket(self) -> Path:
        """The control socket: there once the master is logged in."""
        return self.directory / "socket"

    def master(self, legacy: Iterable[str]) -> list[str]:
        """Return the command that logs in and then waits, as the one connection for all channels."""
        options = ("-M", "-N", "-S", str(self.socket), "-o", "ControlPersist=no")
        return ["ssh", *self._common(), *options, *legacy, *self.login, "--", self.address]

    def session(self, command: str, *, tty: bool) -> list[str]:
        """Return the command that runs `command` over the master; without one it fails, it never logs in itself."""
        options = ("-S", str(self.socket), "-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-o", "LogLevel=ERROR")
        return ["ssh", *self._common(), *options, "-tt" if tty else "-T", "--", self.address, command]

    def _common(self) -> tuple[str, str]:
        return "-F", str(self.directory / "config")


def client(host: Host, directory: Path) -> Client:
    """Write the configuration for `host` into `directory` and return the client; raises TransportError on a bad one."""
    config = directory / "config"
    config.write_text(configuration(host), encoding="utf-8")
    address = host.address or host.name
    login = _login(host)
    answer = subprocess.run(
        ("ssh", "-F", str(config), "-G", *login, "--", address), capture_output=True, text=True, check=False
    )
    if answer.returncode:
        raise diagnose(answer.stderr, address)
    resolved = dict(line.partition(" ")[::2] for line in answer.stdout.splitlines())
    return Client(directory, address, login, resolved["user"], resolved["hostname"], resolved["port"])


def configuration(host: Host) -> str:
    """Return what must hold for `host`, then the user's and the system's configuration, then our defaults.

    ssh takes the first value that it finds, and jump hosts read the same file: so they are held to the same strictness.
    """
    home = Path("~").expanduser()
    strict = "accept-new" if host.accept_new_host_key else "yes"
    asks = "yes" if host.password else "no"
    timeout = ("ConnectTimeout", str(max(1, round(host.timeout))))
    ours = [
        ("IgnoreUnknown", "SessionType"),
        ("StrictHostKeyChecking", strict),
        ("UpdateHostKeys", "no"),
        ("LogLevel", "DEBUG1"),
        ("ClearAllForwardings", "yes"),
        ("ForwardAgent", "no"),
        ("ForwardX11", "no"),
        ("PermitLocalCommand", "no"),
        ("RemoteCommand", "none"),
        ("SessionType", "default"),
        ("EscapeChar", "none"),
        ("NumberOfPasswordPrompts", "1"),
        ("PasswordAuthentication", asks),
        ("KbdInteractiveAuthentication", asks),
        *([timeout] if host.timeout != _DEFAULT_TIMEOUT else []),
        *([("IdentityFile", _path(host.identity).replace("%", "%%"))] if host.identity else []),
    ]
    defaults = [
        timeout,
        ("ServerAliveInterval", "15"),
        *([("UserKnownHostsFile", _path(str(home / ".ssh" / "known_hosts")))] if _is_moved(home) else []),
    ]
    includes = [("Include", _path(str(home / ".ssh" / "config"))), ("Include", _SYSTEM_CONFIGURATION)]
    return "".join(f"{key} {value}\n" for key, value in [*ours, *includes, ("Host", "*"), *defaults])


def _is_moved(home: Path) -> bool:
    """Return whether HOME says otherwise than the user database, which is what ssh itself believes."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir) != home
    except KeyError:
        return True


def _path(path: str) -> str:
    path = str(Path(path).expanduser())
    if set(path) & set('"\n\r'):
        raise TransportError(f"ssh cannot be given the path {path!r}", hint="rename it without quotes and newlines")
    return f'"{path}"'


def _login(host: Host) -> tuple[str, ...]:
    arguments: list[str] = []
    if host.user:
        arguments += ("-l", host.user)
    if host.port:
        arguments += ("-p", str(host.port))
    if host.jump:
        arguments += ("-J", ",".join(_jump(jump) for jump in host.jump))
    return tuple(arguments)


def _jump(jump: Jump) -> str:
    address = f"[{jump.address}]" if ":" in jump.address else jump.address
    return f"{jump.user}@{address}".lstrip("@") + (f":{jump.port}" if jump.port else "")


def legacy_options() -> list[str]:
    """Return the options that add every weak algorithm which this client still has."""
    wanted = {option: weak(_supported(kind)) for option, kind in _LEGACY.items()}
    wanted[_LEGACY_KEYS] = wanted["HostKeyAlgorithms"]
    return [part for option, names in wanted.items() if names for part in ("-o", f"{option}=+{','.join(names)}")]


def _supported(kind: str) -> list[str]:
    return subprocess.run(("ssh", "-Q", kind), capture_output=True, text=True, check=False).stdout.split()
