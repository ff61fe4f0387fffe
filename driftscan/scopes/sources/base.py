"""What a package repository is to every reader of sources, and whose it is by what the host says of itself."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from driftscan.model.item import Json
from driftscan.model.outcome import Outcome
from driftscan.model.redaction import redact
from driftscan.model.text import text
from driftscan.scopes.base import Results

_HOST = re.compile(r"(?:[\w.+-]+:)?//(?:[^/@]*@)?([^/:@]+)")


@dataclass(frozen=True, slots=True)
class Repository:
    """One source of packages, or a key that any source may be signed with; the columns of the scope say what is what.

    `uris` are as the file has them, passwords and all: only `attributes` takes those out.
    """

    key: str
    manager: str
    file: str
    name: str
    types: Sequence[str] = ()
    uris: Sequence[str] = ()
    suites: Sequence[str] = ()
    components: Sequence[str] = ()
    enabled: bool = True
    signed_by: str = ""
    trusted: bool | None = False
    signed: bool | None = None
    listed: bool | None = None
    origin: str | None = None
    third_party: bool | None = None
    options: str = ""

    def attributes(self) -> dict[str, Json]:
        """Return the attributes of the item, without secrets."""
        plain = ("manager", "file", "name", "enabled", "trusted", "signed", "listed", "origin", "third_party")
        found: dict[str, Json] = {name: getattr(self, name) for name in plain}
        found |= {name: list(getattr(self, name)) for name in ("types", "suites", "components")}
        return found | {
            "uris": [redact(uri).text for uri in self.uris],
            "signed_by": redact(self.signed_by).text,
            "options": redact(self.options).text,
        }


@dataclass(frozen=True, slots=True)
class Distribution:
    """What the host says it runs: its name, in small letters, and the domain of its home page; "" when unknown."""

    names: frozenset[str] = frozenset()
    domain: str = ""

    def publishes(self, origin: str) -> bool:
        """Tell whether the word of a release file is the distribution's own (`Debian Backports`, `UbuntuESM`)."""
        return bool(self.names) and origin.casefold().startswith(tuple(self.names))

    def serves(self, uris: Iterable[str]) -> bool:
        """Tell whether one of `uris` lies at the distribution's own domain."""
        hosts = [match[1].casefold() for uri in uris if (match := _HOST.match(uri))]
        return bool(self.domain) and any(f".{host}".endswith("." + self.domain) for host in hosts)


def distribution(files: Mapping[str, bytes]) -> Distribution:
    """Return what os-release says, by the files that were shown."""
    said = text(files.get("/etc/os-release") or files.get("/usr/lib/os-release") or b"")
    values = dict(re.findall(r"^([A-Z_]+)=[\"']?([^\"'\n]*)", said, re.MULTILINE))
    names = {values.get("ID", ""), values.get("NAME", "").partition(" ")[0]}
    home = _HOST.match(values.get("HOME_URL", ""))
    labels = home[1].casefold().split(".") if home else []
    return Distribution(
        frozenset(name.casefold() for name in names if len(name) > 2), ".".join(labels[-2:]) if len(labels) > 1 else ""
    )


def shown_files(results: Results, probe: str) -> dict[str, bytes]:
    """Return path -> content of the files that `probe` could show."""
    result = results.get(probe)
    return {text(file.path): file.data for file in (result.files if result else ()) if file.outcome is Outcome.OK}


def sections(data: bytes) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the sections of an INI file with their settings in order; an indented line goes on with the one above.

    What stands before the first section is in one without a name.
    """
    found: list[tuple[str, list[tuple[str, str]]]] = [("", [])]
    for line in text(data).split("\n"):
        stripped = line.strip()
        settings = found[-1][1]
        if not stripped or stripped[0] in "#;":
            continue
        if stripped[0] == "[" and "]" in stripped:
            found.append((stripped[1:].partition("]")[0].strip(), []))
        elif line[0] in " \t" and settings and "=" not in stripped.partition("://")[0]:
            settings[-1] = (settings[-1][0], f"{settings[-1][1]}\n{stripped}")
        else:
            name, _, value = stripped.partition("=")
            settings.append((name.strip(), value.strip()))
    return found


def is_true(value: str) -> bool:
    """Tell whether a setting says yes."""
    return value.strip().casefold() in {"1", "yes", "true", "on", "enabled"}
