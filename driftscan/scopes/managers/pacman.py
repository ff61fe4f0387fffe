"""pacman: its local database, read as the plain files that it is; pacman itself is not run."""

import re
from collections import defaultdict
from collections.abc import Mapping

from driftscan.model.manifest import Manifest
from driftscan.model.outcome import Outcome
from driftscan.model.text import text
from driftscan.scopes._common import iso_time, not_understood, number, whole_lines
from driftscan.scopes.base import Probe, Results
from driftscan.scopes.managers.base import Manager, Package, Patterns, Read, segments, stdout

_FOLDER = """
ds_real /var/lib/pacman/local; db=$ds_p
if [ ! -d "$db" ]; then ds_gone "$db" && ds_absent "no database of pacman"; ds_denied "$db"; fi
cd "$db" && [ -r . ] || ds_denied "$db"
"""

# ">./PACKAGE-VERSION/desc" or "…/files" before what that file holds, "<" when all were read.
_LOCAL = Probe(
    "pacman-local",
    _FOLDER
    + r"""
set -- ./*/desc ./*/files
[ -e "$1" ] || ds_absent "the database of pacman is empty"
awk 'FNR == 1 { print ">" FILENAME } { print } END { print "<" }' "$@"
""",
    timeout=120,
    limit=256 << 20,
)

# The names of all mtree files and "<", then what they hold, without times, sizes and the weaker digest.
_MTREES = Probe(
    "pacman-mtrees",
    _FOLDER
    + r"""
set -- ./*/mtree
[ -e "$1" ] || ds_absent "the database of pacman holds no checksums"
printf '%s\n' "$@" '<'
cat "$@" | gzip -dc | sed -e 's/ time=[^ ]*//' -e 's/ size=[^ ]*//' -e 's/ md5digest=[^ ]*//'
""",
    timeout=120,
    limit=256 << 20,
)

# ">REPOSITORY", then PACKAGE-VERSION of all that it offers, "<" when its database was read to its end.
_SYNC = Probe(
    "pacman-sync",
    r"""
ds_real /var/lib/pacman/sync; db=$ds_p
if [ ! -d "$db" ]; then ds_gone "$db" && ds_absent "no lists of pacman"; ds_denied "$db"; fi
cd "$db" && [ -r . ] || ds_denied "$db"
for list in *.db; do
  [ -f "$list" ] || continue
  echo ">${list%.db}"
  { { tar -tzf "$list" 2>/dev/null || tar -tf "$list"; } && echo X-Whole/desc; } | sed -n -e 's/^X-Whole.desc$/</p' -e t -e 's|/desc$||p'
done
""",
)
_IGNORED = Probe(
    "pacman-ignored",
    r"""
ds_real /etc/pacman.conf
if [ ! -e "$ds_p" ]; then ds_gone "$ds_p" && ds_absent "no pacman.conf"; ds_denied /etc/pacman.conf; fi
sed -n '/^[[:space:]]*Ignore\(Pkg\|Group\)[[:space:]]*=/p' "$ds_p"
""",
)

_TYPES = {
    b"dir": 0o040000,
    b"link": 0o120000,
    b"file": 0o100000,
    b"char": 0o020000,
    b"block": 0o060000,
    b"fifo": 0o010000,
}
_VALUE = re.compile(rb"([a-z0-9]+)=([^ \t]*)")
_MODE = re.compile(rb"[0-7]{1,5}")
_Sections = dict[str, list[bytes]]


def _parse(results: Results) -> Read:
    if _LOCAL.name not in results:
        return Read()
    strange: list[bytes] = []
    entries = _entries(stdout(results, _LOCAL.name))
    mtrees = _mtrees(stdout(results, _MTREES.name))
    offers, lists_known = _offers(results)
    ignored, ignored_known = _ignored(results)
    packages = {}
    manifests = []
    for folder, sections in sorted(entries.items()):
        name, version = _first(sections, "NAME"), _first(sections, "VERSION")
        if not name or not version or name in packages:
            strange.append(folder)
            continue
        installed = number(_first(sections, "INSTALLDATE").encode()) or 0
        groups = (f"@{text(group)}" for group in sections.get("GROUPS", ()))
        offered = [words for words in offers.get(name, ()) if words.startswith(f"{version} ")]
        packages[name] = Package(
            key=name,
            name=name,
            version=version,
            architecture=_first(sections, "ARCH"),
            reason="automatic" if _first(sections, "REASON") == "1" else "manual",
            hold=True if ignored.of(name, *groups) else False if ignored_known else None,
            source=_first(sections, "BASE") or name,
            maintainer=_first(sections, "PACKAGER"),
            installed_at=iso_time(installed),
            origin=offered[0].partition(" ")[2] if offered else None,
            offered=True if offered else False if lists_known else None,
            offers=offers.get(name, ()),
        )
        if "" in sections:
            files = _files(sections, mtrees.get(folder, {}))
            manifests.append(Manifest(name, name, float(installed), files))
    bare = [folder for folder, sections in entries.items() if "" in sections and folder not in mtrees]
    unparsed = {
        _LOCAL.name: not_understood(strange, "entries"),
        _MTREES.name: not_understood(bare if mtrees else [], "packages' checksums"),
    }
    return Read(list(packages.values()), manifests, unparsed)


def _entries(data: bytes) -> dict[bytes, _Sections]:
    """Return the %SECTIONS% of each package by the name of its folder; the section "" is there when `files` was."""
    found: dict[bytes, _Sections] = defaultdict(dict)
    for header, body in segments(data):
        folder, _, file = header.removeprefix(b"./").partition(b"/")
        sections = found[folder]
        if file == b"files":
            sections[""] = []
        for part in re.split(rb"(?:^|\n)(?=%[A-Z0-9]+%\n)", body):
            title, _, lines = part.partition(b"\n")
            if title[:1] == b"%":
                sections[text(title.strip(b"%"))] = [line for line in lines.split(b"\n") if line]
    return found


def _first(sections: _Sections, title: str) -> str:
    lines = sections.get(title)
    return text(lines[0]) if lines else ""


def _files(sections: _Sections, mtree: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return path -> encoded file; a path of BACKUP is configuration, its digest there is what was installed."""
    files = {}
    for line in sections.get("FILES", ()):
        path = b"/" + line.rstrip(b"/")
        if b"\0" not in path:
            files[path] = mtree.get(path, b"")
    for line in sections.get("BACKUP", ()):
        name, _, digest = line.partition(b"\t")
        known = files.get(b"/" + name)
        if known is not None:
            fields = (known.split(b"\t") + [b""] * 4)[:4]
            if not fields[0] and re.fullmatch(rb"[0-9a-f]{32}", digest):
                fields[0] = b"md5:" + digest
            files[b"/" + name] = b"\t".join([*fields, b"config"])
    return files


def _mtrees(data: bytes) -> dict[bytes, dict[bytes, bytes]]:
    """Return folder -> path -> encoded file of each mtree that was shown whole."""
    names, _, bodies = data.partition(b"\n<\n")
    parts = (b"\n" + bodies).split(b"\n#mtree\n")[1:]
    folders = [name.removeprefix(b"./").removesuffix(b"/mtree") for name in names.split(b"\n")]
    # Where one could not be unpacked the names are off from there on, and the last part may be cut off.
    whole = parts if len(parts) == len(folders) else parts[:-1]
    return {folder: _mtree(part) for folder, part in zip(folders, whole, strict=False)}


def _mtree(data: bytes) -> dict[bytes, bytes]:
    """Read one mtree file: a line sets what holds for those after it, or is a path and what is different for it."""
    files = {}
    preset: dict[bytes, bytes] = {}
    known: dict[bytes, bytes] = {}  # what stands before the digest is the same in most lines
    for line in data.split(b"\n"):
        name, _, words = line.partition(b" ")
        if name[:2] == b"./":
            before, _, digest = words.partition(b"sha256digest=")
            if len(digest) != 64 or not digest.isalnum():
                before, digest = words, b""
            encoded = known.get(before)
            if encoded is None:
                encoded = known[before] = _encoded(preset | dict(_VALUE.findall(before)))
            files[_plain(name[1:])] = b"sha256:" + digest + encoded if digest else encoded
        elif name == b"/set":
            preset.update(_VALUE.findall(words))
            known.clear()
    return files


def _encoded(values: Mapping[bytes, bytes]) -> bytes:
    """Return one mtree entry as `PackagedFile.encode` does, without its digest; owners but root's are numbers."""
    get = values.get
    kind, mode = _TYPES.get(get(b"type", b"file")), get(b"mode", b"")
    full = b"%o" % (kind | int(mode, 8)) if kind and _MODE.fullmatch(mode) else b""
    user, group = (b"root" if owner == b"0" else owner for owner in (get(b"uid", b""), get(b"gid", b"")))
    fields = (b"", full, user, group, b"", b"", _plain(get(b"link", b"")))
    return b"\t".join(fields).rstrip(b"\t")


def _plain(name: bytes) -> bytes:
    """Return the bytes that mtree wrote as backslash and three octal digits."""
    if b"\\" not in name:
        return name
    return re.sub(rb"\\([0-3][0-7]{2})", lambda match: bytes([int(match[1], 8)]), name)


def _offers(results: Results) -> tuple[dict[str, list[str]], bool]:
    """Return package -> [`VERSION REPOSITORY`], and whether all lists were read."""
    found: dict[str, list[str]] = defaultdict(list)
    repository = ""
    lists = whole = 0
    for line in whole_lines(stdout(results, _SYNC.name)):
        value = text(line)
        if value.startswith(">"):
            lists, repository = lists + 1, value[1:]
        elif value == "<":
            whole += 1
        elif value.count("-") >= 2:
            name, version, release = value.rsplit("-", 2)
            found[name].append(f"{version}-{release} {repository}")
    result = results.get(_SYNC.name)
    return found, result is not None and result.outcome is Outcome.OK and 0 < lists == whole


def _ignored(results: Results) -> tuple[Patterns, bool]:
    """Return what IgnorePkg and, with an @ before it, IgnoreGroup name, and whether all of it was read."""
    found = Patterns()
    for line in whole_lines(stdout(results, _IGNORED.name)):
        option, _, value = text(line).partition("=")
        prefix = "@" if "Group" in option else ""
        for pattern in value.split():
            found.add(prefix + pattern, pattern)
    result = results.get(_IGNORED.name)
    return found, result is not None and result.outcome.seen and found.complete


MANAGER = Manager("pacman", ("/var/lib/pacman/local",), (_LOCAL, _MTREES, _SYNC, _IGNORED), _parse)
