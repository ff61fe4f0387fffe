"""apk (Alpine): its installed database and its world, read as the plain files that they are; apk itself is not run."""

import re
import stat
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass

from driftscan.model.manifest import Manifest, PackagedFile
from driftscan.model.outcome import Outcome
from driftscan.model.text import text
from driftscan.scopes._common import not_understood
from driftscan.scopes.base import Probe, Results
from driftscan.scopes.managers.base import Manager, Package, Read, stdout

_DATABASES = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
_INSTALLED = Probe(
    "apk-installed",
    f"set -- {' '.join(_DATABASES)}"
    r"""
for path; do
  ds_real "$path"
  if [ -e "$ds_p" ]; then cat "$ds_p"; exit; fi
  ds_gone "$ds_p" || ds_denied "$path"
done
ds_absent "no database of apk"
""",
    limit=128 << 20,
)
_WORLD = Probe("apk-world", "ds_file /etc/apk/world")

# One line of world: a name, then perhaps @REPOSITORY, then perhaps a constraint on its version.
_WORLD_ENTRY = re.compile(r"([^!@<>=~\s]+)(@[^<>=~\s]+)?([<>=~]\S*)?")


def _parse(results: Results) -> Read:
    if _INSTALLED.name not in results:
        return Read()
    world = _world(results)
    strange: list[bytes] = []
    packages = {}
    manifests = []
    # Each ends in an empty line; what follows the last one was cut off.
    for part in stdout(results, _INSTALLED.name).split(b"\n\n")[:-1]:
        fields = {line[:1]: text(line[2:]) for line in part.split(b"\n") if line[1:2] == b":"}
        name, version = fields.get(b"P", ""), fields.get(b"V", "")
        if not name or not version or name in packages:
            strange.append(part.strip())
            continue
        pin = None if world is None else world.get(name)
        packages[name] = Package(
            key=name,
            name=name,
            version=version,
            architecture=fields.get(b"A", ""),
            reason=None if world is None else "automatic" if pin is None else "manual",
            hold=None if world is None else bool(re.search("^[^<>=~]*[<=~]", pin or "")),
            pin=pin or "",
            source=fields.get(b"o", name),
            maintainer=fields.get(b"m", ""),
        )
        manifests.append(Manifest(name, name, 0.0, _files(part)))
    return Read(list(packages.values()), manifests, {_INSTALLED.name: not_understood(strange, "packages")})


def _world(results: Results) -> dict[str, str] | None:
    """Return name -> constraint ("" when any version will do) of what was asked for; None when it was not seen."""
    result = results.get(_WORLD.name)
    if result is None or not result.files or result.files[0].outcome is not Outcome.OK:
        return None
    entries = (_WORLD_ENTRY.fullmatch(word) for word in text(result.files[0].data).split())
    return {entry[1]: (entry[2] or "") + (entry[3] or "") for entry in entries if entry}


@dataclass(slots=True)
class _Entry:
    """One path as the database is read: a directory's line is F:, a file's R:, what follows tells more of it."""

    kind: int
    mode: int | None
    user: str = "root"
    group: str = "root"
    digest: str = ""

    def access(self, value: bytes) -> None:
        """Take `UID:GID:MODE`; of mode 777 nobody can tell a file from a link."""
        match = re.match(rb"(\d{1,10}):(\d{1,10}):([0-7]{1,5})(?::|$)", value)
        if match:
            self.user, self.group = ("root" if owner == b"0" else text(owner) for owner in match.group(1, 2))
            mode = int(match[3], 8)
            self.mode = None if self.kind == stat.S_IFREG and mode == 0o777 else mode

    def encoded(self, path: bytes) -> bytes:
        """Return the file for the manifest; apk protects what lies in /etc as configuration."""
        return PackagedFile(
            digest=self.digest,
            mode=None if self.mode is None else self.kind | self.mode,
            user=self.user,
            group=self.group,
            kind="config" if self.kind == stat.S_IFREG and path.startswith(b"/etc/") else "",
        ).encode()


def _files(part: bytes) -> dict[bytes, bytes]:
    """Return path -> encoded file of one package."""
    entries: dict[bytes, _Entry] = {}
    folder = b""
    entry = None
    for line in part.split(b"\n"):
        field, value = line[:2], line[2:]
        if field == b"F:":
            folder = b"/" + value
            entry = entries[folder] = _Entry(stat.S_IFDIR, 0o755)
        elif field == b"R:":
            entry = entries[folder.rstrip(b"/") + b"/" + value] = _Entry(stat.S_IFREG, 0o644)
        elif field in {b"M:", b"a:"} and entry:
            entry.access(value)
        elif field == b"Z:" and entry:
            entry.digest = _digest(value)
    return {path: one.encoded(path) for path, one in entries.items() if path and b"\0" not in path}


def _digest(value: bytes) -> str:
    """Return `Q1BASE64` (SHA-1) or `Q2BASE64` (SHA-256) as `algorithm:hex`; "" when it is neither."""
    algorithm, size = {b"Q1": ("sha1", 20), b"Q2": ("sha256", 32)}.get(value[:2], ("", 0))
    try:
        digest = b64decode(value[2:], validate=True)
    except (Base64Error, ValueError):
        return ""
    return f"{algorithm}:{digest.hex()}" if algorithm and len(digest) == size else ""


MANAGER = Manager("apk", _DATABASES, (_INSTALLED, _WORLD), _parse)
