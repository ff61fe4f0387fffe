"""Whether somebody has enabled or disabled a packaged unit, and which links that makes."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from driftscan.explain.view import View
from driftscan.model.item import Item
from driftscan.model.text import raw, text
from driftscan.role.desk import Desk

_KINDS = frozenset({"service", "socket", "timer", "path", "target", "mount", "script"})
_FOLDER = "/etc/systemd/system"
_PRESETS = (b"/usr/lib/systemd/system-preset", b"/usr/local/lib/systemd/system-preset", b"/etc/systemd/system-preset")
_RECORDS = b"/var/lib/systemd/deb-systemd-helper-enabled"
_SCRIPTS = "/var/lib/dpkg/info"
_INSTALL = re.compile(r"^\s*(WantedBy|RequiredBy|UpheldBy|Alias)\s*=\s*(.*?)\s*$", re.MULTILINE)
_BELOW = {"WantedBy": "wants", "RequiredBy": "requires", "UpheldBy": "upholds"}
_RUNLEVELS = tuple(f"/etc/rc{level}.d" for level in "0123456S")
_NORMAL = frozenset("2345")  # runlevels in which a host does its work


class Enablement:
    """What the packages of one host enable.

    Debian's maintainer scripts note the units that they enable, and name those that they enable otherwise; elsewhere
    presets say it, systemd.preset(5). Where neither can be read, nobody is said to have decided.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk, self._view = desk, desk.view
        managers = {item.attributes.get("manager") for item in self._view.of("packages")}
        self._debian = "dpkg" in managers
        self._init = self._view.ownership.owner(self._view.ownership.canonical(b"/lib/systemd/systemd"))
        self._noted = frozenset(
            text(name)
            for folder in self._view.directories.list(_RECORDS).values()
            if folder.kind == "d"
            for name in self._view.directories.list(folder.path)
        )
        self._rules = [] if self._debian else list(self._presets())

    def is_by_hand(self, item: Item) -> bool:
        """Whether somebody has enabled a packaged unit that its package leaves disabled."""
        has, name = item.attributes, str(item.attributes.get("name"))
        if not self._counts(item) or has.get("enabled") != "enabled":
            return False
        if not self._debian:
            return self._preset(name) == "disable"
        return name not in self._noted and not self._is_named(str(has["package"]), name)

    def is_taken_back(self, item: Item) -> bool:
        """Whether somebody has disabled a packaged unit or init script; Debian's units are told by a finding."""
        has, name = item.attributes, str(item.attributes.get("name"))
        if has.get("manager") == "sysv":
            stopped = has.get("package") and has.get("enabled") == "disabled" and not has.get("replaced_by")
            return self._debian and bool(stopped) and any(_is_stop(link) for link in script_links(self._view, item))
        if not self._counts(item) or has.get("enabled") != "disabled" or self._debian:
            return False
        return has["package"] != self._init and self._preset(name) == "enable"

    def _counts(self, item: Item) -> bool:
        has = item.attributes
        name = str(has.get("name"))
        mine = has.get("manager") == "systemd" and bool(has.get("package")) and "@." not in name
        return mine and has.get("kind") in _KINDS and has.get("load") != "masked"

    def _is_named(self, package: str, name: str) -> bool:
        """Whether a package's own script enables a unit by name; systemd's own counts until the script is known."""
        script = self._desk.bytes(f"{_SCRIPTS}/{package}.postinst")
        if script is None:
            return package == self._init
        return any(
            b"enable" in line and raw(name) in line and b"deb-systemd" not in line  # what that enables it notes
            for line in script.splitlines()
        )

    def _preset(self, name: str) -> str:
        """Return what the presets say of a unit: enable, disable, ignore; "" where none speaks of it."""
        return next((verb for verb, pattern in self._rules if fnmatchcase(name, pattern)), "")

    def _presets(self) -> Iterator[tuple[str, str]]:
        """Yield the rules of the presets in the order in which they count; a later directory hides names of others."""
        files: dict[bytes, bytes] = {}
        for folder in _PRESETS:
            here = self._view.ownership.canonical(folder)
            files |= {name: one.path for name, one in self._view.directories.list(here).items() if one.kind == "f"}
        for name in sorted(files):
            if name.endswith(b".preset"):
                for line in (self._desk.bytes(text(files[name])) or b"").decode(errors="replace").splitlines():
                    words = line.split()
                    if len(words) > 1 and words[0] in {"enable", "disable", "ignore"}:
                        yield words[0], words[1]


def links_of(view: View, item: Item) -> Iterator[str]:
    """Yield the links that `systemctl enable` makes of a unit by hand: what its file says, as far as that was kept."""
    fragment, name = item.attributes.get("fragment"), str(item.attributes.get("name"))
    links = view.snapshot.links
    for told in (one.attributes.get("text") for one in view.of("contents") if one.key == fragment):
        for key, value in _INSTALL.findall(told) if isinstance(told, str) else ():
            for word in value.split():
                path = f"{_FOLDER}/{word}" if key == "Alias" else f"{_FOLDER}/{word}.{_BELOW[key]}/{name}"
                target = links.get(raw(path))
                if target is not None and target.rpartition(b"/")[2] == raw(str(fragment).rpartition("/")[2]):
                    yield path


def script_links(view: View, item: Item) -> Iterator[str]:
    """Yield the links by which init starts and stops a script: update-rc.d, insserv and chkconfig make them."""
    name = raw(str(item.attributes.get("fragment") or "").rpartition("/")[2])
    for folder in _RUNLEVELS:
        for link, entry in view.directories.list(view.ownership.canonical(raw(folder))).items():
            if entry.kind == "l" and entry.link.rpartition(b"/")[2] == name and re.match(rb"[SK]\d\d", link):
                yield text(entry.path)


def _is_stop(link: str) -> bool:
    """Whether a link keeps a script from running while the host does its work."""
    folder, _, name = link.rpartition("/")
    return name.startswith("K") and folder.removesuffix(".d")[-1:] in _NORMAL
