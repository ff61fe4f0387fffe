"""What the host is as a whole: its release, kernel, place, time and language; one item per fact."""

import re
from collections.abc import Iterable, Mapping

from driftscan.model.item import Column, Item
from driftscan.model.outcome import Outcome
from driftscan.model.text import text
from driftscan.scopes._common import blind_spots, iso_time, not_understood, number, whole_lines
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results
from driftscan.scopes.managers.base import managers

_COLUMNS = (
    Column("fact", "text", "What the value is of"),
    Column("value", "text", "The value; memory in bytes", golden=True),
    Column("reading", "text", "The value of a fact that changes by itself: boot time and clock, in UTC", volatile=True),
)

_CONFIG = Probe(
    "system-config",
    "ds_file /etc/os-release /usr/lib/os-release /etc/redhat-release /etc/SuSE-release /etc/alpine-release"
    " /etc/debian_version /etc/hostname /etc/sysconfig/network /etc/timezone /etc/TZ /etc/sysconfig/clock"
    " /etc/locale.conf /etc/default/locale /etc/sysconfig/i18n /etc/sysconfig/language /etc/inittab",
)

# Lines NAME TAB VALUE, as in the next probe; a link's target stays as it is written.
_LINKS = Probe(
    "system-links",
    r"""
say() { printf '%s\t%s\n' "$1" "$2"; }
for path in /etc/localtime /sbin/init /etc/systemd/system/default.target /usr/lib/systemd/system/default.target \
  /lib/systemd/system/default.target; do
  ds_real "${path%/*}"
  if [ -L "$ds_p/${path##*/}" ]; then say "$path" "$(readlink "$ds_p/${path##*/}")"; fi
done
"""
    + "\n".join(
        f'for path in {" ".join(manager.databases)}; do ds_real "$path"; if [ -e "$ds_p" ]; then say manager {name}; fi; done'
        for name, manager in managers().items()
    )
    + "\ntrue",
)

_RUNNING = Probe(
    "system-running",
    r"""
say() { if [ -n "$2" ]; then printf '%s\t%s\n' "$1" "$2"; fi; }
say kernel "$(uname -s)"; say kernel-release "$(uname -r)"; say kernel-version "$(uname -v)"; say machine "$(uname -m)"
say hostname "$(uname -n)"
say clock "$(date +%s || ds_lack 'date +%s')"
say boot "$(sed -n 's/^btime //p' /proc/stat)"
say cpus "$(grep -c '^processor' /proc/cpuinfo || getconf _NPROCESSORS_ONLN)"
say memory "$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo)"
say pid1 "$(cat /proc/1/comm || sed -n 's/^Name:[[:space:]]*//p' /proc/1/status)"
say pid1-exe "$(readlink /proc/1/exe)"
[ -d /run/systemd/system ] && say systemd running
if [ -e /run/openrc/softlevel ]; then say openrc running; say runlevel "$(cat /run/openrc/softlevel)"
elif command -v runlevel >/dev/null; then say runlevel "$(runlevel)"; fi
command -v initctl >/dev/null && say initctl "$(initctl version)"
command -v systemd-detect-virt >/dev/null && say detect-virt "$(systemd-detect-virt)"
[ -e /proc/version ] || say unseen '/proc is not shown whole'
[ -r /proc/1/environ ] || say hidden "the environment of process 1"
say container "$(tr '\0' '\n' </proc/1/environ | sed -n 's/^container=//p')"
say container "$(cat /run/systemd/container /run/host/container-manager | head -n 1)"
[ -e /run/.containerenv ] && say container podman
[ -e /.dockerenv ] && say container docker
[ -d /proc/vz ] && [ ! -d /proc/bc ] && say container openvz
[ -d /proc/xen ] && say machine-kind xen
say cgroup "$(sed -n -e 's|.*/\(docker\|lxc\|kubepods\|machine.slice\|libpod\)[-/.].*|\1|p' /proc/1/cgroup | head -n 1)"
say dmi "$(cat /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/product_name | tr '\n' ' ')"
grep -q '^flags.* hypervisor' /proc/cpuinfo && say machine-kind vm
true
""",
    live=True,
)

Texts = Mapping[str, str]  # path -> what the file holds, for those that are there


def _parse(results: Results) -> Parsed:
    files = {
        text(file.path): text(file.data)
        for file in (results[_CONFIG.name].files if _CONFIG.name in results else ())
        if file.outcome is Outcome.OK
    }
    links, strange_links = _pairs(results, _LINKS)
    running, strange_running = _pairs(results, _RUNNING)
    values: dict[str, str | None] = {**_release(files), **_settings(files, links), **_live(running)}
    values["default target"] = _default_target(files, links)
    values["init"] = _init(running, links)
    values["package managers"] = " ".join(sorted(set(links.get("manager", ())))) or None
    values["hostname"] = _first(running, "hostname") or _hostname(files)
    items = [_item(fact, value) for fact, value in sorted(values.items()) if value]
    readings = {"boot time": _first(running, "boot"), "clock": _first(running, "clock")}
    for fact, seconds in readings.items():
        reading = iso_time(number(seconds.encode()) or 0)
        if reading:
            items.append(Item("system", fact, {"fact": fact, "value": None}, {"reading": reading}))
    denied, unparsed = blind_spots(results)
    if unseen := _first(running, "unseen"):
        denied[_RUNNING.name] = unseen
    for probe, strange in ((_LINKS, strange_links), (_RUNNING, strange_running)):
        if strange:
            unparsed[probe.name] = not_understood(strange)
    return Parsed(items=items, unparsed=unparsed, denied=denied)


def _item(fact: str, value: str) -> Item:
    return Item("system", fact, {"fact": fact, "value": value}, {"reading": None})


def _pairs(results: Results, probe: Probe) -> tuple[dict[str, list[str]], list[bytes]]:
    """Return name -> values of a probe that prints NAME TAB VALUE, and its lines that are not that."""
    result = results.get(probe.name)
    found: dict[str, list[str]] = {}
    strange = []
    for line in whole_lines(result.stdout if result else b""):
        name, tab, value = text(line).partition("\t")
        if tab:
            found.setdefault(name, []).append(value.strip())
        else:
            strange.append(line)
    return found, strange


def _first(pairs: Mapping[str, Iterable[str]], name: str) -> str:
    return next((value for value in pairs.get(name, ()) if value), "")


def _assignments(content: str) -> dict[str, str]:
    """Return the NAME=VALUE lines of a file that a shell could read; quotes are taken off, nothing is expanded."""
    found = {}
    for line in content.split("\n"):
        match = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*", line)
        if match:
            value = match[2]
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            found[match[1]] = re.sub(r"\\(.)", r"\1", value)
    return found


def _release(files: Texts) -> dict[str, str | None]:
    """Return what the distribution calls itself."""
    said = _assignments(files.get("/etc/os-release") or files.get("/usr/lib/os-release") or "")
    old = files.get("/etc/redhat-release", "") or files.get("/etc/SuSE-release", "")
    pretty = old.partition("\n")[0].strip()
    old_version = re.search(r"\b(\d+(?:\.\d+)*)", pretty)
    old_id = next(
        (name for name in ("centos", "fedora", "rocky", "almalinux", "suse") if name in pretty.lower()), "rhel"
    )
    full = (
        files.get("/etc/debian_version") or files.get("/etc/alpine-release") or files.get("/etc/redhat-release") or ""
    )
    return {
        "release id": said.get("ID") or (old_id if pretty else "debian" if "/etc/debian_version" in files else None),
        "release like": said.get("ID_LIKE"),
        "release version": said.get("VERSION_ID") or (old_version[1] if old_version else None),
        "release codename": said.get("VERSION_CODENAME"),
        "release name": said.get("PRETTY_NAME") or pretty or None,
        "release file": full.partition("\n")[0].strip() or None,
    }


def _settings(files: Texts, links: Mapping[str, Iterable[str]]) -> dict[str, str | None]:
    """Return time zone and locale as they are configured."""
    zone = re.search(r"zoneinfo/(?:posix/|right/)?(.+)$", _first(links, "/etc/localtime"))
    clock = _assignments(files.get("/etc/sysconfig/clock", ""))
    written = (files.get(path, "").partition("\n")[0].strip() for path in ("/etc/timezone", "/etc/TZ"))
    locale = {}
    for path in ("/etc/sysconfig/language", "/etc/sysconfig/i18n", "/etc/default/locale", "/etc/locale.conf"):
        locale.update(_assignments(files.get(path, "")))
    return {
        "timezone": zone[1] if zone else next((value for value in written if value), clock.get("ZONE")),
        "locale": locale.get("LC_ALL") or locale.get("LANG") or locale.get("RC_LANG"),
    }


def _hostname(files: Texts) -> str | None:
    lines = (line.strip() for line in files.get("/etc/hostname", "").split("\n"))
    name = next((line for line in lines if line and not line.startswith("#")), None)
    return name or _assignments(files.get("/etc/sysconfig/network", "")).get("HOSTNAME")


def _live(running: Mapping[str, list[str]]) -> dict[str, str | None]:
    """Return what only a running kernel knows."""
    memory = number(_first(running, "memory").encode())
    return {
        "kernel": _first(running, "kernel"),
        "kernel release": _first(running, "kernel-release"),
        "kernel version": _first(running, "kernel-version"),
        "architecture": _first(running, "machine"),
        "cpus": _first(running, "cpus"),
        "memory": str(memory * 1024) if memory else None,
        "hardware": _first(running, "dmi"),
        "virtualization": _virtualization(running) if running else None,
    }


def _virtualization(running: Mapping[str, list[str]]) -> str | None:
    """Return what kind of machine this is (none, kvm, lxc …), as systemd-detect-virt would; None when it hides."""
    for name in ("detect-virt", "container", "cgroup"):
        if value := _first(running, name):
            return value
    hardware = _first(running, "dmi").lower()
    names = {
        "qemu": "qemu",
        "kvm": "kvm",
        "vmware": "vmware",
        "virtualbox": "oracle",
        "innotek": "oracle",
        "xen": "xen",
    }
    names |= {"microsoft corporation virtual": "microsoft", "amazon ec2": "amazon", "google compute": "google"}
    for mark, kind in names.items():
        if mark in hardware:
            return kind
    return _first(running, "machine-kind") or (None if _first(running, "hidden") else "none")


def _init(running: Mapping[str, list[str]], links: Mapping[str, list[str]]) -> str | None:
    """Return which init system runs the host, or would: systemd, upstart, openrc, busybox, sysv, or what it is called."""
    if _first(running, "systemd"):
        return "systemd"
    if "upstart" in _first(running, "initctl"):
        return "upstart"
    if _first(running, "openrc"):
        return "openrc"
    program = _first(running, "pid1-exe") or _first(links, "/sbin/init") or ""
    for name in ("systemd", "busybox", "upstart", "openrc", "runit", "s6"):
        if name in program:
            return name
    name = _first(running, "pid1")
    return "sysv" if name == "init" else name or None


def _default_target(files: Texts, links: Mapping[str, list[str]]) -> str | None:
    """Return the systemd target or the runlevel that the host boots into."""
    for folder in ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"):
        if target := _first(links, f"{folder}/default.target").rpartition("/")[2]:
            return target
    level = re.search(r"^[^#:\n]*:(\d):initdefault:", files.get("/etc/inittab", ""), re.MULTILINE)
    return f"runlevel {level[1]}" if level else None


_HARDWARE = frozenset({"cpus", "memory", "virtualization"})  # what the host was given, and nobody on it decides

SCOPE = ItemScope(
    name="system",
    doc="What the host is as a whole: release, kernel, machine, time zone, locale",
    columns=_COLUMNS,
    probes=(_CONFIG, _LINKS, _RUNNING),
    parse=_parse,
    golden=lambda item: item.key not in _HARDWARE,
)
