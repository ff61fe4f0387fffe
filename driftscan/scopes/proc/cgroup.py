"""What a process's control groups tell: the systemd unit it belongs to, and the container it runs in."""

import re

from driftscan.model.text import text

_CONTAINERS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("docker", rb"docker-([0-9a-f]{12})[0-9a-f]{52}\.scope"),
        ("podman", rb"libpod-(?:conmon-)?([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?"),
        ("cri", rb"(?:cri-containerd|crio|cri-o|containerd)-([0-9a-f]{12})[0-9a-f]{52}\.scope"),
        ("lxc", rb"lxc\.payload[./-]?(.+)"),
        ("nspawn", rb"machine-(.+)\.scope|systemd-nspawn@(.+)\.service"),
    )
)
_BARE_ID = re.compile(rb"([0-9a-f]{12})[0-9a-f]{52}")
_PARENTS = {b"docker": "docker", b"lxc": "lxc", b"libpod_parent": "podman"}  # cgroupfs: PARENT/ID
_UNIT = re.compile(rb".+\.(?:service|scope|mount|socket|swap)")
# What differs at each start, though nothing has changed: session numbers, random names, addresses of a connection.
_PASSING = (
    (re.compile(r"^session-c?\d+\.scope$"), "session-*.scope"),
    (re.compile(r"^run-(?:r[0-9a-f]{32}|u?\d+|p\d+-i\d+)\.(scope|service|timer|socket|path)$"), r"run-*.\1"),
    (re.compile(r"[0-9a-f]{64}"), "*"),
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "*"),
    (re.compile(r"-\d+\.scope$"), "-*.scope"),
    (re.compile(r"@\d+-[^/]*\.service$"), "@*.service"),
)


def unit_and_container(cgroup: bytes) -> tuple[str | None, str | None]:
    """Return the systemd unit and the container in the text of /proc/PID/cgroup.

    A unit of a user's own manager is `user@UID.service/NAME`, one inside a container is not told: neither is a unit
    of this host by that name. A container is `docker:ID` (12 digits), `lxc:NAME` …; what changes from one start to
    the next is `*` in the name of a unit.
    """
    segments = _path(cgroup).split(b"/")
    container = None
    for index, segment in enumerate(segments):
        container = _container(segments[index - 1] if index else b"", segment)
        if container is not None:
            segments = segments[: index + 1]
            break
    units = [stable_unit(text(segment)) for segment in segments if _UNIT.fullmatch(segment)]
    if not units:
        return None, container
    if units[0].startswith("user@") and len(units) > 1:
        return f"{units[0]}/{units[-1]}", container
    return units[-1], container


def stable_unit(name: str) -> str:
    """Return the name of a unit with what changes from one start to the next as `*`."""
    for pattern, instead in _PASSING:
        name = pattern.sub(instead, name)
    return name


def made_unit(name: str) -> str:
    """Return the name of a unit with what systemd-run has made up as `*`; others stay as they are."""
    pattern, instead = _PASSING[1]
    return pattern.sub(instead, name)


def made_path(path: str | None) -> str | None:
    """Return the path of a unit's file with what systemd-run has made up as `*`."""
    if path is None:
        return None
    folder, slash, name = path.rpartition("/")
    return folder + slash + made_unit(name)


def _path(cgroup: bytes) -> bytes:
    """Return the path that tells most: systemd's own hierarchy, the unified one, or else any (a container's)."""
    paths: dict[bytes, bytes] = {}
    for line in cgroup.split(b"\n"):
        _, _, rest = line.partition(b":")
        controllers, _, path = rest.partition(b":")
        paths[controllers] = path
    best = max((paths.get(b"name=systemd", b""), paths.get(b"", b"")), key=len)
    return best if len(best) > 1 else max(paths.values(), key=len, default=b"")


def _container(parent: bytes, segment: bytes) -> str | None:
    for kind, pattern in _CONTAINERS:
        if match := pattern.fullmatch(segment):
            return f"{kind}:{text(next(group for group in match.groups() if group is not None))}"
    if match := _BARE_ID.fullmatch(segment):
        return f"{_PARENTS.get(parent, 'cri')}:{text(match[1])}"
    if parent == b"lxc" and segment:
        return f"lxc:{text(segment)}"
    return None
