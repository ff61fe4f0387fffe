"""Plans what packages come from: what the package manager needs is made early, and its lists are read anew."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from driftscan.explain._publishers import third_party
from driftscan.model.item import Item, Json
from driftscan.model.text import raw, text
from driftscan.role.desk import Desk, Planned, Planner, upwards
from driftscan.role.model import LeftOut
from driftscan.role.resources import Refresh, Why

# Where the settings of package managers lie, what their repositories are signed with included.
_SETTINGS = {
    "dpkg": ("/etc/apt", "/etc/dpkg"),
    "rpm": (
        "/etc/yum.repos.d", "/etc/yum", "/etc/yum.conf", "/etc/dnf", "/etc/distro.repos.d", "/etc/pki/rpm-gpg",
        "/etc/zypp", "/etc/rpm",
    ),
    "pacman": ("/etc/pacman.conf", "/etc/pacman.d"),
    "apk": ("/etc/apk",),
}  # fmt: skip
_MANAGERS = {"apt": "dpkg", "dnf": "rpm", "yum": "rpm", "zypper": "rpm", "pacman": "pacman", "apk": "apk"}
_LOCAL = frozenset({"", "file", "copy", "dir", "mirror+file"})
_DISCS = frozenset({"cdrom", "cd", "dvd", "hd", "iso"})
_CHECKED = frozenset({"dnf", "yum", "zypper"})
_NO_SOURCE = frozenset({"key", "setting"})


def _plan(desk: Desk) -> Iterator[Planned]:
    for manager in {str(item.attributes.get("manager")) for item in desk.view.of("packages")}:
        desk.early.update(_SETTINGS.get(manager, ()))
    for item in _used(desk):
        for path in _needed(item):
            _make_early(desk, path)
    for manager, items in strange(desk).items():
        words = "there are repositories that a stock installation does not have"
        yield Refresh(why=Why("repositories", items[0].key, words), manager=manager)
        for item in items:
            yield from _cannot_have(item)


def strange(desk: Desk) -> dict[str, list[Item]]:
    """Return the repositories in use that are not the distribution's, by package manager."""
    wanted = {subject.key for subject in desk.of("repositories")}
    found: dict[str, list[Item]] = {}
    for item in _used(desk):
        manager = _MANAGERS.get(str(item.attributes.get("manager")))
        if manager is not None and (item.key in wanted or third_party(desk.view, item)):
            found.setdefault(manager, []).append(item)
    return dict(sorted(found.items()))


def _used(desk: Desk) -> Iterator[Item]:
    """Yield the repositories that packages are taken from; keys and settings stand among them."""
    for item in desk.view.of("repositories"):
        has = item.attributes
        apart = _NO_SOURCE.intersection(_texts(has.get("types")))
        if has.get("enabled") and not apart and not desk.refusal("repositories", item.key):
            yield item


def _needed(item: Item) -> Iterator[str]:
    """Yield the paths on the host that a repository lies at, or whose keys it is signed with."""
    has = item.attributes
    for uri in [*_texts(has.get("uris")), *re.split(r"[\s,]+", str(has.get("signed_by") or ""))]:
        if (path := _local(uri)) is not None:
            yield path


def _local(uri: str) -> str | None:
    """Return the path behind an address that is on the host; of one with variables what stands before the first."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme not in _LOCAL or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        return None
    steps: list[str] = []
    for step in unquote(parts.path).split("/"):
        if "$" in step:
            break
        if step not in {"", ".", ".."}:
            steps.append(step)
    return "/" + "/".join(steps) if steps else None


def _make_early(desk: Desk, path: str) -> None:
    """Have a path made before the packages: with the strange directory that it lies in, if that holds nothing else."""
    desk.early.add(path)
    strangers = {text(stranger.entry.path) for stranger in desk.view.explained.strangers}
    top = next((step for step in upwards(path) if step in strangers), path)
    inside = desk.view.directories.measure(raw(path)).entries + 1
    if top != path and desk.view.directories.measure(raw(top)).entries - inside < _steps(top, path):
        desk.early.add(top)


def _steps(top: str, path: str) -> int:
    """Return how many directories lead from `top` down to `path`."""
    return path.count("/") - top.count("/")


def _cannot_have(item: Item) -> Iterator[LeftOut]:
    """Name what a repository needs and a role has not."""
    has = item.attributes
    schemes = {uri.partition(":")[0].casefold() for uri in _texts(has.get("uris"))}
    if schemes & _DISCS:
        yield LeftOut("repositories", item.key, "it lies on a disc or an image that is put in by hand")
    if has.get("manager") in _CHECKED and not has.get("trusted") and not has.get("signed_by"):
        reason = "its file names no key (gpgkey=), and packages are checked: one was imported by hand (rpm --import)"
        yield LeftOut("repositories", f"key of {has.get('name')}", reason)


def _texts(value: Json) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


PLANNER = Planner("repositories", 10, _plan)
