"""Files that configure the network: which interface each is about, and the addresses that it speaks of."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from driftscan.model.outcome import ProbeResult
from driftscan.model.text import text
from driftscan.scopes.base import Probe

_FOLDERS = (
    "/etc/network/interfaces", "/etc/network/interfaces.d/*", "/etc/netplan/*.yaml", "/run/netplan/*.yaml",
    "/etc/systemd/network/*.net*", "/run/systemd/network/*.net*", "/usr/lib/systemd/network/*.net*",
    "/lib/systemd/network/*.net*", "/etc/NetworkManager/system-connections/*",
    "/run/NetworkManager/system-connections/*", "/etc/sysconfig/network-scripts/ifcfg-*",
    "/etc/sysconfig/network-scripts/route*-*", "/etc/sysconfig/network/ifcfg-*", "/etc/sysconfig/network/*routes",
    "/etc/sysconfig/static-routes", "/etc/netctl/*", "/etc/dhcpcd.conf", "/etc/conf.d/net", "/etc/rc.conf",
)  # fmt: skip
# NUL, path, newline, then those lines that may name an interface or an address: no key or password is among them.
FILES = Probe(
    "network-files",
    f"""for f in {" ".join(f'"$R"{one}' for one in _FOLDERS)}; do
  [ -f "$f" ] || continue
  [ -r "$f" ] || {{ denied="$denied ${{f#"$R"}}"; continue; }}
  printf '\\000%s\\n' "${{f#"$R"}}"
  grep -saivE 'psk|passw|secret|private|wep|key|token|identity' "$f" | {{ head -c 65536 2>/dev/null || ds_lack 'head -c'; }} | tr -d '\\000'
done
[ -z "$denied" ] || printf '\\000denied\\n%s\\n' "$denied"
:""",
)
_NAME = r"[\w.*?:@!\[\]-]+"
_SAYS = (
    (re.compile(r"/etc/network/interfaces"), re.compile(rf"^[^\S\n]*(?:iface|auto|allow-\w+)\s+({_NAME}(?:[ \t]+{_NAME})*)", re.MULTILINE)),
    (re.compile(r"/(?:etc|run)/netplan/"), re.compile(r"^ {2,8}[\"']?([\w.*-]+)[\"']?:\s*$|(?:set-name|name):\s*[\"']?([\w.*-]+)", re.MULTILINE)),
    (re.compile(r".*/systemd/network/"), re.compile(r"^[^\S\n]*Name\s*=\s*(.+)$", re.MULTILINE)),
    (re.compile(r".*/system-connections/"), re.compile(rf"^[^\S\n]*interface-name\s*=\s*({_NAME})", re.MULTILINE)),
    (re.compile(r".*/ifcfg-"), re.compile(rf"^[^\S\n]*DEVICE\s*=\s*[\"']?({_NAME})", re.MULTILINE)),
    (re.compile(r"/etc/dhcpcd\.conf"), re.compile(rf"^[^\S\n]*interface\s+({_NAME})", re.MULTILINE)),
)  # fmt: skip
_NAMES = 500  # interfaces of one file
# From where such a word begins and nowhere within: else a long one without a sign is read once from each place.
_WORD = re.compile(r"(?<![0-9A-Fa-f.:])[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]*(?:/\d+)?")


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A file, the interfaces that it configures (perhaps with wildcards), its addresses, whether it asks for DHCP."""

    path: str
    interfaces: frozenset[str]
    words: frozenset[str]  # with and without the length of a prefix
    dynamic: bool

    def configures(self, interface: str) -> bool:
        """Return whether it is about `interface`."""
        return any(fnmatchcase(interface, one) for one in self.interfaces)


def network_files(results: Mapping[str, ProbeResult]) -> tuple[list[NetworkFile], str]:
    """Return the files, those that people write first, and the paths that could not be read."""
    found, denied = [], ""
    body = results[FILES.name].stdout if FILES.name in results else b""
    for part in body.split(b"\0")[1:]:
        path, _, lines = text(part).partition("\n")
        if path == "denied":
            denied = lines.strip()
        elif path.startswith("/"):
            found.append(_file(path, lines))
    return found, denied


def _file(path: str, lines: str) -> NetworkFile:
    lines = re.sub(r"(?m)^[^\S\n]*[#;].*$", "", lines)
    names: set[str] = set()
    for place, says in _SAYS:
        if place.match(path):
            for match in says.finditer(lines):
                names |= {name for group in match.groups() if group for name in group.split()[:50]}
    if "/ifcfg-" in path:
        names.add(path.rpartition("ifcfg-")[2])
    if path.startswith("/etc/network/interfaces"):
        names -= {"inet", "inet6", "static", "dhcp", "manual", "loopback", "auto"}
    dynamic = bool(
        re.search(r"(?i)\bdhcp|\bmethod=auto|dhcp[46]?\s*[:=]\s*[\"']?(?:yes|true|ipv[46])|accept-ra: true", lines)
    )
    words = _WORD.findall(lines)
    bare = {word.partition("/")[0] for word in words}
    return NetworkFile(path, frozenset(sorted(names)[:_NAMES]), frozenset({*words, *bare}), dynamic)


def for_interface(files: Iterable[NetworkFile], interface: str) -> NetworkFile | None:
    """Return the file that configures an interface; one that names it counts more than a wildcard."""
    mine = [file for file in files if file.configures(interface)]
    return next((file for file in mine if interface in file.interfaces), mine[0] if mine else None)


def naming(files: Iterable[NetworkFile], *addresses: str) -> NetworkFile | None:
    """Return the first file that has one of `addresses`, with or without the length of its prefix."""
    for file in files:
        if any(address.partition("/")[0] in file.words for address in addresses):
            return file
    return None
