"""Making the files that start the nightly run: printed, or written where this machine's systemd or cron reads them."""

import os
import pwd
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftscan.cli.night.units import NAME, Job, crontab, service, timer
from driftscan.errors import DriftscanError, UsageError
from driftscan.model.text import shown

_SYSTEM = Path("/etc")
_GIVEN = frozenset({"COMMANDLINE", "ENVIRONMENT"})
_PATHS = frozenset({"inventory", "baselines", "identity", "prometheus"})
_BY_PATH = ("image:", "replay:")


@dataclass(frozen=True, slots=True)
class File:
    """One file that is to be there: what it holds, and its mode."""

    path: Path
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Place:
    """For whom it is installed: the machine, or with `own` the user that installs it."""

    own: bool
    cron: bool

    @property
    def environment(self) -> Path:
        """The file that secrets stand in."""
        return (_configuration() if self.own else _SYSTEM) / "driftscan" / "nightly.env"

    @property
    def units(self) -> Path:
        """The directory of the units."""
        return (_configuration() if self.own else _SYSTEM) / "systemd" / ("user" if self.own else "system")

    def files(self, job: Job, secrets: Mapping[str, str]) -> list[File]:
        """Return all files, that with the secrets only if there are any."""
        kept = "".join(f"{name}={_quoted(value)}\n" for name, value in secrets.items())
        hidden = [File(self.environment, kept, 0o600)] if kept else []
        if self.cron:
            return [*hidden, File(_SYSTEM / "cron.d" / NAME, crontab(job, of_system=not self.own))]
        return [
            *hidden,
            File(self.units / f"{NAME}.service", service(job)),
            File(self.units / f"{NAME}.timer", timer(job)),
        ]

    def advice(self) -> list[str]:
        """Return the commands that are left to a person."""
        if self.cron:
            return []
        systemctl = "systemctl --user" if self.own else "systemctl"
        return [f"{systemctl} daemon-reload", f"{systemctl} enable --now {NAME}.timer"]


def user() -> str:
    """Return the name of the user who installs."""
    return pwd.getpwuid(os.geteuid()).pw_name


def program() -> list[str]:
    """Return how this very driftscan is started, by absolute paths."""
    beside = Path(sys.executable).with_name("driftscan")
    if beside.is_file() and os.access(beside, os.X_OK):
        return [str(beside)]
    return [str(Path(sys.executable).absolute()), "-m", "driftscan"]


def words(context: Any) -> tuple[list[str], dict[str, str]]:
    """Return what was said to `nightly run`, as it can be said from any directory, and what no unit may show.

    `context` is the command's, parsed. UsageError for what needs a person.
    """
    options: list[str] = []
    targets: list[str] = []
    secrets: dict[str, str] = {}
    for parameter in context.command.params:
        name, value = parameter.name, context.params.get(parameter.name)
        source = context.get_parameter_source(name)
        if source is None or source.name not in _GIVEN or value is None or value is False:
            continue
        if name in {"ask_password", "ask_sudo_password"}:
            raise UsageError(
                "nobody can be asked for a password at night", hint="name a file or a variable for it in the inventory"
            )
        if name == "targets":
            targets = [_target(target) for target in value]
        elif name == "notify":
            secrets["DRIFTSCAN_NOTIFY"] = " ".join(value)
        elif name == "db" and "://" in value:
            secrets["DRIFTSCAN_DB"] = value
        else:
            options += _spelled(parameter.opts[0], name, value)
    return [*options, *targets], secrets


def _spelled(option: str, name: str, value: Any) -> Iterator[str]:
    if value is True:
        yield option
    elif name == "verbose":
        yield from [option] * value
    elif isinstance(value, list | tuple):
        for one in value:
            form, _, path = one.partition("=")
            yield from (option, f"{form}={Path(path).absolute()}" if name == "report" else one)
    else:
        yield option
        said = str(getattr(value, "value", value))
        yield str(Path(said).expanduser().absolute()) if name in _PATHS or name == "db" else said


def _target(text: str) -> str:
    kind = next((kind for kind in _BY_PATH if text.startswith(kind)), "")
    return f"{kind}{Path(text[len(kind) :]).expanduser().absolute()}" if kind else text


def printed(files: Sequence[File], place: Place) -> Iterator[str]:
    """Yield the files for a person who puts them where they belong."""
    for file in files:
        if place.cron and place.own and file.path.parent.name == "cron.d":
            yield "# for `crontab -e`"
        else:
            yield f"# {shown(str(file.path))}" + (f" (mode {file.mode:04o})" if file.mode != 0o644 else "")
        yield from file.text.splitlines()
        yield ""


def write(files: Sequence[File], *, force: bool) -> list[Path]:
    """Write files that are not there yet as they should be; return those.

    DriftscanError, before anything is written, when one has other contents and there is no `force`.
    """
    left = [file for file in files if _read(file.path) != file.text]
    for file in left:
        if not force and _read(file.path) is not None:
            raise DriftscanError(
                f"{shown(str(file.path))} is there and says something else",
                hint="nothing was written; compare the two, then use --force",
            )
    for file in left:
        _put(file)
    return [file.path for file in left]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DriftscanError(f"{shown(str(path))} cannot be read: {error.strerror}") from None


def _put(file: File) -> None:
    """Write one file whole, never readable by more people than it will be."""
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".", dir=file.path.parent)
        try:
            with open(number, "w", encoding="utf-8", errors="surrogateescape") as new:  # noqa: PTH123 -- a descriptor
                new.write(file.text)
                os.fchmod(number, file.mode)
            Path(name).replace(file.path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise DriftscanError(f"{shown(str(file.path))} cannot be written: {error.strerror}") from None


def _configuration() -> Path:
    said = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(said) if said.startswith("/") else Path.home() / ".config"


def _quoted(value: str) -> str:
    """Return a value that sh and systemd read alike."""
    if "'" in value or "\n" in value:
        raise UsageError("a URL with a quote or a line break cannot be kept in a file of variables")
    return f"'{value}'"


def described(paths: Sequence[Path], place: Place) -> Iterator[str]:
    """Yield what was written, and what is left to do."""
    if not paths:
        yield "everything is there already"
    for path in paths:
        yield f"wrote {shown(str(path))}"
    for command in place.advice():
        yield f"now run: {command}"
    if place.own and not place.cron and shutil.which("loginctl"):
        yield f"so that it also runs while you are not logged in: loginctl enable-linger {shlex.quote(user())}"
