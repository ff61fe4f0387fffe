"""systemd's unit files as they lie on the disk: which one counts, its drop-ins, its settings, whether it is enabled.

Read from the disk on live hosts too: the manager forgets idle units, so what it tells of them comes and goes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes.units.unit_probes import (
    CONTENTS,
    DIRECTORIES,
    LISTING,
    TRANSIENT,
    Entry,
    parse_contents,
    parse_listing,
)

_KINDS = "service|timer|socket|path|target|mount|automount|swap|slice"
_UNIT_PATH = re.compile(rf"(?P<folder>.*/)(?P<name>[^/]+\.(?P<kind>{_KINDS}))", re.DOTALL)
_WANTS = re.compile(rf"(?P<by>[^/]+\.(?:{_KINDS}))\.(?P<how>wants|requires|upholds)/(?P<name>[^/]+)", re.DOTALL)
_INSTALL_RULES = ("WantedBy", "RequiredBy", "UpheldBy", "Alias")
_LISTS = {"ExecStart", "Environment", "EnvironmentFile", *_INSTALL_RULES, "Also"}
TIMER_SETTINGS = (
    "OnCalendar", "OnActiveSec", "OnBootSec", "OnStartupSec", "OnUnitActiveSec", "OnUnitInactiveSec",
    "OnClockChange", "OnTimezoneChange",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UnitFile:
    """One unit as the disk has it.

    `state` is what `systemctl is-enabled` says. `fragment` is None when only a link speaks of the unit. `settings`
    holds the values by key, drop-ins included: of settings that may be given several times all since the last reset,
    of others the last.
    """

    name: str
    kind: str
    state: str
    fragment: str | None = None
    alias_of: str | None = None
    dropins: tuple[str, ...] = ()
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wanted_by: tuple[str, ...] = ()
    readable: bool = True

    def last(self, key: str) -> str | None:
        """Return the value of a setting that can be given once."""
        values = self.settings.get(key, ())
        return values[-1] if values else None


@dataclass(frozen=True, slots=True)
class UnitFiles:
    """All units on the disk by name; `hidden` counts files that could not be read."""

    units: Mapping[str, UnitFile] = field(default_factory=dict)
    hidden: int = 0
    unparsed: str = ""


def unit_files(results: Mapping[str, ProbeResult]) -> UnitFiles:
    """Read what `PROBES` brought."""
    if LISTING.name not in results:
        return UnitFiles()
    entries, strange = parse_listing(results[LISTING.name].stdout)
    bodies = parse_contents(results[CONTENTS.name]) if CONTENTS.name in results else {}
    units = _Resolver(entries, bodies).units()
    hidden = sum(1 for entry in entries if entry.link is None and not entry.empty and not _shown(entry.path, bodies))
    if CONTENTS.name not in results or results[CONTENTS.name].outcome is not Outcome.OK:
        hidden = 0
    return UnitFiles(units, hidden, f"{strange} entries of unit directories not understood" if strange else "")


def _shown(path: str, bodies: Mapping[str, list[str]]) -> bool:
    """Whether a file that was listed was read, or had gone by then: what systemd puts there anybody may read."""
    return path in bodies or path.startswith(TRANSIENT + "/")


def parse_settings(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return the settings of one unit file by key, as written; an empty value, a reset, is kept as ""."""
    found: dict[str, list[str]] = {}
    pending = ""
    for raw_line in lines:
        line = raw_line.strip()
        if line.startswith(("#", ";")):
            continue  # also between continued lines
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        line, pending = pending + line, ""
        key, equals, value = line.partition("=")
        if equals and not line.startswith("["):
            found.setdefault(key.strip(), []).append(value.strip())
    return found


def kind_of(name: str) -> str:
    """Return the type of a unit: what follows the last dot."""
    return name.rpartition(".")[2]


def template_of(name: str) -> str | None:
    """Return the template of an instance (getty@.service of getty@tty1.service), None for other units."""
    match = re.fullmatch(r"([^@]+@)[^.].*(\.\w+)", name, re.DOTALL)
    return match[1] + match[2] if match else None


class _Resolver:
    """Finds out what the entries of all unit directories together mean, as systemd does."""

    def __init__(self, entries: Iterable[Entry], bodies: Mapping[str, list[str]]) -> None:
        self._bodies = bodies
        self._top: dict[str, list[tuple[int, Entry]]] = {}
        self._dropins: dict[str, dict[str, tuple[int, str]]] = {}
        self._wants: dict[str, list[tuple[int, str]]] = {}
        for entry in entries:
            rank = next((i for i, d in enumerate(DIRECTORIES) if entry.path.startswith(d + "/")), None)
            if rank is not None:
                self._sort(rank, entry)

    def _sort(self, rank: int, entry: Entry) -> None:
        inner = entry.path[len(DIRECTORIES[rank]) + 1 :]
        folder, slash, name = inner.rpartition("/")
        if not slash:
            if _UNIT_PATH.fullmatch(entry.path):
                self._top.setdefault(name, []).append((rank, entry))
        elif folder.endswith(".d") and name.endswith(".conf"):
            known = self._dropins.setdefault(folder[:-2], {})
            if name not in known or rank < known[name][0]:
                known[name] = (rank, "" if entry.link == "/dev/null" or entry.empty else entry.path)
        elif match := _WANTS.fullmatch(inner):
            self._wants.setdefault(match["name"], []).append((rank, match["by"]))

    def units(self) -> dict[str, UnitFile]:
        for candidates in self._top.values():
            candidates.sort(key=lambda pair: pair[0])
        instances = {name for name in self._wants if name not in self._top and re.search(rf"\.(?:{_KINDS})$", name)}
        return {name: self._unit(name) for name in sorted({*self._top, *instances})}

    def _unit(self, name: str) -> UnitFile:
        rank, entry = self._fragment(name)
        wanted_by = tuple(sorted({by for _, by in self._wants.get(name, [])}))
        if entry is None:
            state = "enabled" if any(self._is_etc(r) for r, _ in self._wants.get(name, [])) else "static"
            return UnitFile(name, kind_of(name), state, wanted_by=wanted_by)
        if entry.empty or entry.link == "/dev/null":
            state = "masked-runtime" if self._is_run(rank) else "masked"
            return UnitFile(name, kind_of(name), state, entry.path, dropins=self._dropin_paths(name))
        target = self._alias(name, entry)
        if target is not None:
            return UnitFile(name, kind_of(name), "alias", entry.path, alias_of=target)
        dropins = self._dropin_paths(name)
        settings = self._settings(entry.path, dropins)
        state = self._state(name, rank, entry, settings)
        readable = _shown(entry.path, self._bodies)
        return UnitFile(name, kind_of(name), state, entry.path, None, dropins, settings, wanted_by, readable)

    def _fragment(self, name: str) -> tuple[int, Entry | None]:
        found = self._top.get(name) or self._top.get(template_of(name) or "")
        return found[0] if found else (0, None)

    def _alias(self, name: str, entry: Entry) -> str | None:
        """Return what a link in a unit directory makes `name` another name of."""
        if entry.link is None or (template_of(name) and name not in self._top):
            return None
        target = entry.link.rpartition("/")[2]
        inside = "/" not in entry.link or "/systemd/system/" in entry.link
        if target == name or not inside or not _UNIT_PATH.fullmatch("/" + target):
            return None
        return target

    def _dropin_paths(self, name: str) -> tuple[str, ...]:
        stem, _, kind = name.rpartition(".")
        folders = [name, *([template] if (template := template_of(name)) else [])]
        while (dash := stem.rstrip("-").rfind("-")) > 0:
            stem = stem[: dash + 1]
            folders.append(f"{stem}.{kind}")
        found: dict[str, str] = {}
        for folder in [*folders, kind]:
            for base, (_, path) in self._dropins.get(folder, {}).items():
                found.setdefault(base, path)
        return tuple(path for _, path in sorted(found.items()) if path)

    def _settings(self, fragment: str, dropins: Iterable[str]) -> dict[str, tuple[str, ...]]:
        merged: dict[str, list[str]] = {}
        for path in (fragment, *dropins):
            for key, values in parse_settings(self._bodies.get(path, [])).items():
                for value in values:
                    if not value:
                        merged.pop(key, None)
                    elif key in _LISTS or key in TIMER_SETTINGS or key.startswith("Listen"):
                        merged.setdefault(key, []).append(value)
                    else:
                        merged[key] = [value]
        return {key: tuple(values) for key, values in merged.items()}

    def _state(self, name: str, rank: int, entry: Entry, settings: Mapping[str, tuple[str, ...]]) -> str:
        folder = DIRECTORIES[rank]
        if "/generator" in folder:
            return "generated"
        if folder == TRANSIENT:
            return "transient"
        links = [r for other in self._names_wanting(name) for r, _ in self._wants[other]]
        links += [
            r
            for alias in settings.get("Alias", ())
            for one in alias.split()
            for r, e in self._top.get(one, [])
            if e.link is not None and e.link.rpartition("/")[2] == name
        ]
        if any(self._is_etc(r) for r in links):
            return "enabled"
        if any(self._is_run(r) for r in links):
            return "enabled-runtime"
        if links and template_of(name):
            return "static"
        if entry.link is not None:
            return "linked-runtime" if self._is_run(rank) else "linked"
        if any(settings.get(key) for key in _INSTALL_RULES):
            return "disabled"
        return "indirect" if settings.get("Also") else "static"

    def _names_wanting(self, name: str) -> list[str]:
        """Return the names under which a unit is wanted: its own, and its instances if it is a template."""
        if "@." not in name:
            return [name] if name in self._wants else []
        return [wanted for wanted in self._wants if wanted == name or template_of(wanted) == name]

    @staticmethod
    def _is_etc(rank: int) -> bool:
        return DIRECTORIES[rank].startswith("/etc/")

    @staticmethod
    def _is_run(rank: int) -> bool:
        return DIRECTORIES[rank].startswith("/run/")
