"""dpkg: its status, its file lists and checksums; what apt knows is read by `apt`."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.text import raw, text
from driftscan.scopes._common import iso_time, not_understood, whole_lines
from driftscan.scopes.base import Probe, Results
from driftscan.scopes.managers import apt
from driftscan.scopes.managers.base import Manager, Package, Read, segments, stdout

_DATABASE = """
ds_real /var/lib/dpkg; db=$ds_p
if [ ! -e "$db/status" ]; then ds_gone "$db/status" && ds_absent "no database of dpkg"; ds_denied "$db"; fi
"""

# updates/ holds what an interrupted dpkg has not merged: a later stanza of a package counts.
_STATUS = Probe(
    "dpkg-status",
    _DATABASE
    + 'for file in "$db/status" "$db"/updates/[0-9]*; do [ -e "$file" ] || continue; cat "$file" && echo || exit 1; done',
    limit=64 << 20,
)

# ">NAME.list" or ">NAME.md5sums" before what that file holds, "<" when all were read: one process for all of them.
_LISTS = Probe(
    "dpkg-lists",
    _DATABASE
    + r"""
cd "$db/info" && [ -r . ] || ds_denied "$db/info"
set -- ./*.md5sums
[ -e "$1" ] || set --
awk 'FNR == 1 { print ">" substr(FILENAME, 3) } { print } END { print "<" }' ./*.list "$@"
""",
    timeout=120,
    limit=256 << 20,
)

# GNU find tells fractions of a second, which decide what was changed after it was unpacked.
_TIMES = Probe(
    "dpkg-times",
    _DATABASE
    + r"""
cd "$db/info" && [ -r . ] || ds_denied "$db/info"
{ ds_has find && command find . -name '*.list' -printf '%T@ %f\n' 2>/dev/null; } || stat -c '%Y %n' ./*.list
""",
)

_Stanza = tuple[str, str, dict[str, str]]  # package, architecture, fields
_CHECKSUM = re.compile(rb"^([0-9a-f]{32})  (?:\./|/)?(.+)$", re.MULTILINE)
_CONFFILE = re.compile(r"^(/.*) ([0-9a-z]+)((?: (?:obsolete|remove-on-upgrade))*)$")


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is known of the packages beside their stanzas."""

    native: str
    times: Mapping[str, float]
    automatic: set[tuple[str, str]] | None
    offers: apt.Offers
    pins: apt.Pins


def _parse(results: Results) -> Read:
    if _STATUS.name not in results:
        return Read()
    stanzas, strange = _whole_stanzas(stdout(results, _STATUS.name))
    native = _native(stanzas)
    times = _times(stdout(results, _TIMES.name))
    beside = _Beside(native, times, apt.automatic(results, native), apt.offers(results), apt.pins(results))
    packages: dict[str, Package] = {}
    conffiles: dict[str, dict[bytes, bytes]] = {}
    for name, architecture, stanza in stanzas:
        key = name if architecture in {native, "all"} or not native else f"{name}:{architecture}"
        packages.pop(key, None)
        if not stanza["Status"].endswith(" not-installed"):
            packages[key] = _package(key, stanza, beside)
            conffiles[key] = _conffiles(stanza.get("Conffiles", ""))
    manifests, paths = _manifests(stdout(results, _LISTS.name), packages, conffiles, times)
    unparsed = {
        _STATUS.name: not_understood(strange, "stanzas"),
        _LISTS.name: not_understood(paths, "paths of package lists"),
    }
    return Read(list(packages.values()), manifests, unparsed, beside.pins.notes)


def _package(key: str, stanza: dict[str, str], beside: _Beside) -> Package:
    name, version, architecture = stanza["Package"], stanza["Version"], stanza["Architecture"]
    want, flag, state = stanza["Status"].split(" ")
    source = stanza.get("Source", name).split(" ")[0]
    reason = None
    if beside.automatic is not None and state != "config-files":
        marked = (name, beside.native if architecture == "all" else architecture) in beside.automatic
        reason = "automatic" if marked else "manual"
    return Package(
        key=key,
        name=name,
        version=version,
        architecture=architecture,
        state=f"{state} (reinstallation required)" if flag == "reinstreq" else state,
        reason=reason,
        hold=want == "hold",
        pin=beside.pins.of(name, source),
        source=source,
        maintainer=stanza.get("Maintainer", ""),
        installed_at=iso_time(_of(beside.times, name, architecture)),
        origin=beside.offers.origin(name, version),
        offered=beside.offers.offered(name, version),
        offers=beside.offers.versions.get(name, ()),
    )


def _native(stanzas: list[_Stanza]) -> str:
    """Return the host's own architecture: that of dpkg itself, or else the most frequent one; "" when unknown."""
    own = [architecture for name, architecture, _ in stanzas if name == "dpkg"]
    frequent = Counter(architecture for _, architecture, _ in stanzas if architecture != "all").most_common(1)
    return own[0] if own else frequent[0][0] if frequent else ""


def _whole_stanzas(data: bytes) -> tuple[list[_Stanza], list[bytes]]:
    """Return the stanzas of packages that are described whole, and the beginning of each that is not."""
    whole, end, rest = data.rpartition(b"\n\n")
    found, strange = [], [] if not rest.strip() else [rest]
    for stanza in apt.stanzas(whole + end):
        name, status = stanza.get("Package", ""), stanza.get("Status", "")
        if name and status.count(" ") == 2 and (stanza.get("Version") or status.endswith(" not-installed")):
            stanza.setdefault("Version", "")
            stanza.setdefault("Architecture", "")
            found.append((name, stanza["Architecture"], stanza))
        else:
            strange.append(raw(next(iter(stanza.values()))))
    return found, strange


def _times(data: bytes) -> dict[str, float]:
    """Return when each `NAME.list` was written, in seconds since 1970, by NAME or NAME:ARCHITECTURE."""
    found = {}
    for line in whole_lines(data):
        match = re.fullmatch(rb"(\d{1,12}(?:\.\d{1,12})?) (?:\./)?(.+)\.list", line)
        if match:
            found[text(match[2])] = float(match[1])
    return found


def _of(times: Mapping[str, float], name: str, architecture: str) -> float:
    """Return a package's time; 0.0 when it is not known. Multi-arch packages have their architecture in the name."""
    return times.get(f"{name}:{architecture}") or times.get(name, 0.0)


def _conffiles(field: str) -> dict[bytes, bytes]:
    """Return path -> encoded file of a status stanza's conffiles; one never installed has no checksum there."""
    found = {}
    for line in field.split("\n"):
        match = _CONFFILE.match(line)
        if match and "\t" not in line:
            kept = not match[3] and re.fullmatch("[0-9a-f]{32}", match[2])  # an obsolete one may be deleted by anybody
            digest = f"md5:{match[2]}" if kept else ""
            found[raw(match[1])] = PackagedFile(digest=digest, kind="config").encode()
    return found


def _manifests(
    data: bytes,
    packages: Mapping[str, Package],
    conffiles: Mapping[str, dict[bytes, bytes]],
    times: Mapping[str, float],
) -> tuple[list[Manifest], list[bytes]]:
    """Return the manifests of the packages whose lists were shown whole, and the paths that are none."""
    lists, strange = _lists(data)
    found = []
    for key, package in packages.items():
        names = (f"{package.name}:{package.architecture}", package.name)
        name = next((name for name in names if name in lists), None)
        if name is not None:
            files = lists[name]
            files.update(conffiles[key])
            unpacked = _of(times, package.name, package.architecture)
            found.append(Manifest(key, package.name, unpacked, files))
    return found, strange


def _lists(data: bytes) -> tuple[dict[str, dict[bytes, bytes]], list[bytes]]:
    """Return the files of each `NAME.list` that was shown whole, with their checksums where there are any."""
    lists: dict[str, dict[bytes, bytes]] = {}
    checksums: dict[str, bytes] = {}
    strange: list[bytes] = []
    if b"\0" in data:  # no list that dpkg wrote has one
        strange = [line for line in data.split(b"\n") if b"\0" in line]
        data = b"\n".join(line for line in data.split(b"\n") if b"\0" not in line)
    for header, body in segments(data):
        name, _, kind = text(header).rpartition(".")
        if kind == "list":
            files = dict.fromkeys(body.split(b"\n"), b"")
            files.pop(b"", None)
            if b"/." in files:
                files[b"/"] = files.pop(b"/.")
            wrong = [path for path in files if path[0] != 0x2F]
            for path in wrong:
                del files[path]
            strange += wrong
            lists[name] = files
        elif kind == "md5sums":
            checksums[name] = body
    for name, body in checksums.items():
        if name in lists:
            lists[name].update((b"/" + path, b"md5:" + digest) for digest, path in _CHECKSUM.findall(body))
    return lists, strange


MANAGER = Manager("dpkg", ("/var/lib/dpkg/status",), (_STATUS, _LISTS, _TIMES, *apt.PROBES), _parse)
