"""Kernel modules and boot parameters: what is loaded, what files load, forbid or give options to, what the boot gave."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.text import text
from driftscan.scopes._common import PROC_WHOLE, whole_lines
from driftscan.scopes.base import Probe

_LOAD = tuple(f"{top}/modules-load.d" for top in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"))
_OPTIONS = tuple(f"{top}/modprobe.d" for top in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"))
FILES = Probe(
    "module-files",
    f"ds_dir {' '.join(_LOAD + _OPTIONS)}\nds_file /etc/modules /etc/modprobe.conf /etc/sysconfig/modules",
)
LOADED = Probe(
    "modules-loaded",
    PROC_WHOLE
    + """
[ -r /proc/modules ] || ds_absent 'this kernel has no modules'
while read -r name _; do printf 'loaded %s\\n' "$name"; done </proc/modules
for d in /sys/module/*; do printf 'known %s\\n' "${d##*/}"; done""",
    live=True,
)
BOOT_FILES = Probe(
    "boot-parameters", "ds_file /etc/default/grub /etc/kernel/cmdline /etc/sysconfig/grub\nds_dir /etc/default/grub.d"
)
BOOTED = Probe("booted-with", "cat /proc/cmdline", live=True)

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_GRUB = re.compile(r"\s*(GRUB_CMDLINE_LINUX(?:_DEFAULT)?)=(.*)")
_BOOT_IMAGE = {"BOOT_IMAGE", "initrd", "root", "rootflags", "rootfstype", "ro", "rw"}  # the boot loader's own


@dataclass(frozen=True, slots=True)
class Configured:
    """What a file says of a module or of a boot parameter."""

    name: str
    what: str
    file: str


def modules(result: ProbeResult | None) -> tuple[list[Configured], list[bytes]]:
    """Return what files say of modules: `load`, `blacklist`, `options …`, `install …`; and lines not understood."""
    found: list[Configured] = []
    strange: list[bytes] = []
    for file in _counting(result.files if result else ()):
        path = text(file.path)
        for line in file.data.replace(b"\\\n", b" ").split(b"\n"):
            words = text(line).split()
            if not words or words[0][0] in "#;":
                continue
            if "modprobe" in path:
                one = _modprobe(words, path)
            else:
                one = Configured(_same(words[0]), " ".join(["load", *words[1:]]), path)
            if one is None or not _NAME.fullmatch(one.name):
                strange += [] if words[0] in {"alias", "softdep", "weakdep", "remove", "config", "include"} else [line]
            else:
                found.append(one)
    return found, strange


def _modprobe(words: list[str], path: str) -> Configured | None:
    if words[0] == "blacklist" and len(words) > 1:
        return Configured(_same(words[1]), "blacklist", path)
    if words[0] in {"options", "install"} and len(words) > 2:
        return Configured(_same(words[1]), " ".join([words[0], *words[2:]]), path)
    return None


def _same(name: str) -> str:
    """Return a module's name as the kernel spells it."""
    return name.removesuffix(".ko").replace("-", "_")


def _counting(files: Iterable[HostFile]) -> Iterator[HostFile]:
    """Yield the files that count: of those with one name that of the first folder."""
    seen: set[tuple[str, bytes]] = set()
    for file in files:
        folder, _, name = file.path.rpartition(b"/")
        top = text(folder).rpartition("/")[2]
        if top in {"modules-load.d", "modprobe.d"} and not name.endswith(b".conf"):
            continue
        if file.outcome is not Outcome.DENIED and (top, name) not in seen:
            seen.add((top, name))
            if file.outcome is Outcome.OK:
                yield file


def loaded(result: ProbeResult | None) -> dict[str, str]:
    """Return `loaded` or `built in` by module."""
    found: dict[str, str] = {}
    for line in whole_lines(result.stdout if result else b""):
        how, _, name = text(line).partition(" ")
        if _NAME.fullmatch(name) and how in {"loaded", "known"}:
            found.setdefault(_same(name), "loaded" if how == "loaded" else "built in")
    return found


def booted(result: ProbeResult | None) -> list[str]:
    """Return the parameters that the kernel was booted with, but for those that the boot loader adds."""
    line = text(result.stdout.split(b"\n")[0][:16384]) if result else ""
    return [word for word in _words(line) if word.partition("=")[0] not in _BOOT_IMAGE]


def configured(result: ProbeResult | None) -> list[Configured]:
    """Return the boot parameters that files give."""
    by_variable: dict[str, list[Configured]] = {}
    for file in result.files if result else ():
        if file.outcome is not Outcome.OK:
            continue
        path = text(file.path)
        if path == "/etc/kernel/cmdline":
            by_variable[path] = [Configured(word.partition("=")[0], word, path) for word in _words(text(file.data))]
            continue
        for line in text(file.data).split("\n"):
            if (match := _GRUB.match(line)) is None:
                continue
            words = _words(match[2].strip().strip("\"'"))
            kept = by_variable.get(match[1], []) if f"${match[1]}" in line or f"${{{match[1]}}}" in line else []
            found = [Configured(word.partition("=")[0], word, path) for word in words if "$" not in word]
            by_variable[match[1]] = kept + found
    return [one for each in by_variable.values() for one in each if one.name not in _BOOT_IMAGE]


def _words(line: str) -> list[str]:
    """Return the words of a line; blanks in double quotes do not part."""
    return re.findall(r'(?:[^\s"]|"[^"]*")+', line.replace("\n", " "))[:500]


PROBES: tuple[Probe, ...] = (FILES, LOADED, BOOT_FILES, BOOTED)
Results = Mapping[str, ProbeResult]
