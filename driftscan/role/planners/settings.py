"""Plans the settings of the host as a whole, and names those that stay behind: the network, the disks, mere memory."""

import re
from collections.abc import Iterator

from driftscan.model.text import raw, text
from driftscan.role.desk import Desk, Planned, Planner
from driftscan.role.handlers import handlers_for
from driftscan.role.model import LeftOut
from driftscan.role.planners._etc import edited, plain_file
from driftscan.role.planners._lines import fstab, hosts
from driftscan.role.resources import Link, Why

_LOCAL = "setting-local"
_ZONE = "/etc/localtime"
_LOCALES = ("/etc/default/locale", "/etc/locale.conf", "/etc/sysconfig/i18n")
_OWN_NETWORK = "each host has its own network"
_NETWORK = re.compile(
    r"/etc/(?:network/interfaces(?:\.d/.*)?|netplan/.*|NetworkManager/system-connections/.*|systemd/network/.*"
    r"|sysconfig/(?:network|network-scripts/.*)|resolv\.conf|netctl/.*|dhcpcd\.conf|wpa_supplicant/.*)"
)
_CONFIGURES = frozenset({"interface", "address", "route", "resolver"})
_FIREWALL = frozenset({"rule", "chain", "table"})


def _plan(desk: Desk) -> Iterator[Planned]:
    local = {str(one.evidence.get("setting")): one for one in desk.judgement.findings if one.rule == _LOCAL}
    if "timezone" in local and not desk.refusal("system", "timezone"):
        yield from _zone(desk)
    if "locale" in local and not desk.refusal("system", "locale"):
        for path in _LOCALES:
            yield from plain_file(desk, path, Why("system", "locale", "the host's language"))
    yield from hosts(desk)
    yield from fstab(desk)
    yield from edited(desk)
    yield from _mounted(desk)
    yield from _kernel(desk)
    yield from _network(desk)


def _zone(desk: Desk) -> Iterator[Planned]:
    why = Why("system", "timezone", "the host's time zone")
    target = desk.view.snapshot.links.get(raw(_ZONE))
    if target is not None:
        desk.taken.add(_ZONE)
        handlers = handlers_for(_ZONE, desk.view)
        yield from handlers
        yield Link(why=why, path=_ZONE, target=text(target), notify=tuple(one.name for one in handlers))
    else:
        yield from plain_file(desk, _ZONE, why)
    for path in ("/etc/timezone", "/etc/sysconfig/clock"):
        yield from plain_file(desk, path, why)


def _mounted(desk: Desk) -> Iterator[Planned]:
    """Name what is mounted, and by nothing that would mount it again."""
    units = {str(item.attributes.get("name")) for item in desk.view.of("services") if item.attributes.get("fragment")}
    for subject in desk.of("mounts"):
        has = subject.item.attributes if subject.item is not None else {}
        if has.get("in_fstab") is False and has.get("unit") not in units:
            yield LeftOut(subject.scope, subject.key, "mounted by hand: nothing mounts it again")


def _kernel(desk: Desk) -> Iterator[Planned]:
    """Name what only the kernel's memory holds; what files say comes with them."""
    setters = {
        one.subject: str(one.evidence["set by"])
        for one in desk.judgement.findings
        if one.scope == "kernel" and one.evidence.get("set by")
    }
    for subject in desk.of("kernel"):
        has = subject.item.attributes if subject.item is not None else subject.attributes
        name, kind, live = str(has.get("name")), has.get("kind"), has.get("live")
        if kind == "parameter":
            yield LeftOut(subject.scope, subject.key, "how a host boots is its own")
        elif has.get("file"):
            continue
        elif name in setters:
            yield LeftOut(subject.scope, subject.key, f"no setting of its own: {setters[name]} sets it")
        else:
            yield LeftOut(subject.scope, subject.key, f"in memory only: {live}" if live else "in memory only")


def _network(desk: Desk) -> Iterator[Planned]:
    """Name what is each host's own, by file, and rules of a firewall that no file holds."""
    for subject in desk.of("network"):
        has = subject.item.attributes if subject.item is not None else subject.attributes
        if has.get("kind") in _FIREWALL:
            if not (has.get("configured") and has.get("file")):
                yield LeftOut(subject.scope, subject.key, "in memory only: no file sets it")
        else:
            yield LeftOut(subject.scope, subject.key, _OWN_NETWORK)
    named = {
        str(item.attributes["file"])
        for item in desk.view.of("network")
        if item.attributes.get("kind") in _CONFIGURES and item.attributes.get("file")
    }
    for subject in desk.of("files"):
        if subject.key in named or _NETWORK.fullmatch(subject.key):
            desk.taken.add(subject.key)
            yield LeftOut(subject.scope, subject.key, _OWN_NETWORK)


PLANNER = Planner("settings", 50, _plan)
