"""rpm: its database by one query that cannot write; what yum, dnf and zypper know is read by `dnf`."""

from collections import Counter
from dataclasses import dataclass

from driftscan.model.manifest import Manifest
from driftscan.model.outcome import Outcome
from driftscan.model.text import text
from driftscan.scopes._common import iso_time, not_understood
from driftscan.scopes._shell import UNPRIVILEGED
from driftscan.scopes.base import Probe, Results
from driftscan.scopes.managers import dnf
from driftscan.scopes.managers.base import Manager, Package, Read, stdout

_DATABASES = tuple(
    f"{folder}/{name}"
    for folder in ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
    for name in ("rpmdb.sqlite", "Packages", "Packages.db")
)

# As root, rpm writes to its database's locks and shared memory even when it only reads; so it runs as nobody, and not
# at all where nobody could write there. An image is read by --dbpath: --root would run what lies in the image.
# Tags that an old rpm does not have are left out of the query, and every file's line keeps its fields.
_DATABASE = Probe(
    "rpm-database",
    f"set -- {' '.join(_DATABASES)}"
    r"""
for path; do
  ds_real "$path"; database=$ds_p db=
  if [ -e "$database" ]; then db=${database%/*}; break; fi
  ds_gone "$database" || ds_denied "${database%/*}"
done
[ -n "$db" ] || ds_absent "no database of rpm"
command -v rpm >/dev/null 2>&1 || { echo "there is a database of rpm, but no rpm to read it" >&2; exit 1; }
"""
    + UNPRIVILEGED
    + r"""
tags=" $(unprivileged rpm --querytags | tr '\n' ' ') "
tag() { case $tags in *" $1 "*) printf '%%{%s}' "$1" ;; esac; }
digests=$(tag FILEDIGESTS)
package='\n>%{NAME}\t%{EPOCH}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\t%{VENDOR}\t%{PACKAGER}\t%{INSTALLTIME}'
package="$package\\t$(tag FILEDIGESTALGO)\\n"
file="%{FILEFLAGS}\\t%{FILESTATES}\\t${digests:-%{FILEMD5S\}}\\t%{FILEMODES:octal}\\t%{FILEUSERNAME}\\t%{FILEGROUPNAME}"
file="$file\\t$(tag FILECAPS)\\t%{FILELINKTOS}\\t%{FILENAMES}\\n"
if [ -n "$R" ]; then set -- --dbpath "$db"; else set --; fi
unprivileged true || ds_denied "rpm would write to $db as root, and nothing here can run it as nobody"
unprivileged sh -c '[ ! -w "$0" ] && [ ! -w "${0%/*}" ]' "$database" || ds_denied "rpm would write to $db, for nobody may"
unprivileged rpm "$@" -qa --qf "${package}[$file]<\\n" || {
  case $database in *.sqlite) [ -e "$database-shm" ] || echo "$database-shm is gone, which rpm itself must bring back: run rpm -qa once" >&2 ;; esac
  exit 1
}
""",
    timeout=180,
    limit=256 << 20,
)

_ALGORITHMS = {b"1": b"sha1", b"2": b"sha1", b"8": b"sha256", b"9": b"sha384", b"10": b"sha512", b"11": b"sha224"}
_CONFIG, _GHOST = 1 << 0, 1 << 6  # RPMFILE_CONFIG, RPMFILE_GHOST
_NOT_THERE = {b"1", b"2", b"3", b"4"}  # replaced by another package's, not installed, on a shared volume, wrong color


@dataclass(frozen=True, slots=True)
class _Header:
    """What the database holds of one package beside its files."""

    name: str
    epoch: str
    version: str
    release: str
    architecture: str
    source: str
    vendor: str
    packager: str
    installed: int

    @property
    def full_version(self) -> str:
        """`[EPOCH:]VERSION-RELEASE`."""
        return f"{self.epoch}:{self.version}-{self.release}" if self.epoch else f"{self.version}-{self.release}"


def _parse(results: Results) -> Read:
    if _DATABASE.name not in results:
        return Read()
    found, strange = _packages(stdout(results, _DATABASE.name))
    known = dnf.known(results)
    manifests = []
    packages = []
    for key, header, files in _keyed(found):
        version = header.full_version
        packages.append(
            Package(
                key=key,
                name=header.name,
                version=version,
                architecture=header.architecture,
                reason=known.reason(header.name, header.architecture),
                hold=known.held(header.name, header.epoch, f"{header.version}-{header.release}", header.architecture),
                source=header.source,
                maintainer=header.vendor or header.packager,
                installed_at=iso_time(header.installed),
                origin=known.origin(header.name, version, header.architecture),
            )
        )
        if files is not None:
            manifests.append(Manifest(key, header.name, float(header.installed), files))
    unparsed = {_DATABASE.name: not_understood(strange, "lines of the database") or _complaint(results, bool(found))}
    return Read(packages, manifests, unparsed)


def _complaint(results: Results, found: bool) -> str:
    """Return what rpm said when it found nothing: it ends well even when it could not open its database."""
    result = results[_DATABASE.name]
    lines = [line for line in result.stderr.split(b"\n") if line.startswith(b"error:")]
    return "" if found or not lines or result.outcome is not Outcome.OK else not_understood(lines[-1:], "answer of rpm")


_Found = tuple[_Header, "dict[bytes, bytes] | None"]


def _packages(data: bytes) -> tuple[list[_Found], list[bytes]]:
    """Return the packages that were shown, each with its files or None when those were cut off, and strange lines."""
    found: list[_Found] = []
    strange: list[bytes] = []
    for part in data.split(b"\n>")[1:]:
        line, newline, body = part.partition(b"\n")
        header, algorithm = _header(line) if newline else (None, b"")
        if header is None:
            strange.append(line)
            continue
        lines, mark, _ = (b"\n" + body).rpartition(b"\n<\n")
        found.append((header, _files(lines, algorithm, strange) if mark else None))
    return found, strange


def _header(line: bytes) -> tuple[_Header | None, bytes]:
    """Read a package's first line; None when it is not one, and else the prefix of its files' digests."""
    fields = line.split(b"\t")
    if len(fields) != 10 or not fields[0] or not fields[8].isdigit() or len(fields[8]) > 12:
        return None, b""
    name, epoch, version, release, architecture, source, vendor, packager = (
        text(field) if field != b"(none)" else "" for field in fields[:8]
    )
    installed = int(fields[8])
    header = _Header(name, epoch, version, release, architecture, source, vendor, packager, installed)
    return header, _ALGORITHMS.get(fields[9], b"md5") + b":"


def _files(lines: bytes, algorithm: bytes, strange: list[bytes]) -> dict[bytes, bytes]:
    """Return path -> encoded file; the fields are put together as `PackagedFile.encode` does, for there are many."""
    files: dict[bytes, bytes] = {}
    for line in lines.split(b"\n"):
        fields = line.split(b"\t")
        if len(fields) != 9 or fields[8][:1] != b"/" or b"\0" in line or not fields[0].isdigit():
            if line and not line.startswith(b"(none)\t"):  # the one line of a package without files
                strange.append(line)
            continue
        flags, state, digest, mode, user, group, caps, link, path = fields
        if state in _NOT_THERE:
            continue
        flag = int(flags[:9])
        kind = b"ghost" if flag & _GHOST else b"config" if flag & _CONFIG else b""
        mode = mode[-6:].lstrip(b"0") if mode.isdigit() and not mode.strip(b"01234567") else b""
        if caps == b"(none)":
            caps = b""
        encoded = (algorithm + digest if digest else b"", mode, user, group, kind, caps, link)
        files[path] = b"\t".join(encoded).rstrip(b"\t")
    return files


def _keyed(found: list[_Found]) -> list[tuple[str, _Header, "dict[bytes, bytes] | None"]]:
    """Give each package its key: NAME, with .ARCH for a foreign architecture, with the version where it is not alone.

    Of several versions (kernels) the newest keeps the plain key, so that the next one does not rename it away; of a
    public key, which rpm keeps as a package gpg-pubkey, the version is the identity.
    """
    frequent = Counter(header.architecture for header, _ in found if header.architecture not in {"noarch", ""})
    own = {"noarch", "", frequent.most_common(1)[0][0]} if frequent else {"noarch", ""}
    keyed = []
    taken = set()
    for header, files in sorted(found, key=lambda one: (-one[0].installed, one[0].full_version)):
        plain = header.name if header.architecture in own else f"{header.name}.{header.architecture}"
        full = f"{header.name}-{header.full_version}"
        if header.architecture not in own:
            full += f".{header.architecture}"
        key = plain if plain not in taken and header.name != "gpg-pubkey" else full
        if key in taken:
            continue
        taken.add(key)
        keyed.append((key, header, files))
    return sorted(keyed, key=lambda one: one[0])


MANAGER = Manager("rpm", _DATABASES, (_DATABASE, *dnf.PROBES), _parse)
