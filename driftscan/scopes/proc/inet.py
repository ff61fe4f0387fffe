"""The kernel's tables of TCP and UDP sockets, and which process holds which of them; works without ss."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes._common import not_understood, whole_lines
from driftscan.scopes.base import Probe

State = Literal["listen", "established"]

NET = Probe(
    name="net",
    live=True,
    accepts=frozenset({0, 1, 2}),  # a kernel without IPv6 has no tcp6
    # Only what listens (0A), is connected (01) or waits for datagrams (07): a web server has 30,000 others.
    script="""printf 'order %s\\n' "$(printf '\\1\\0\\0\\0' | od -An -tu4 2>/dev/null)"
while read -r a b; do printf 'ephemeral %s %s\\n' "$a" "$b"; done 2>/dev/null </proc/sys/net/ipv4/ip_local_port_range
grep -sHaE '^ *[0-9]+: [0-9A-F]+:[0-9A-F]+ [0-9A-F]+:[0-9A-F]+ (0A|01|07) ' /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6""",
)
HOLDERS = Probe(
    name="holders",
    live=True,
    accepts=frozenset({0, 1, 2, 123}),
    timeout=60.0,
    script="""if ds_has find && command find / -maxdepth 0 -printf '' 2>/dev/null; then
  printf '%s\\0' /proc/[0-9]*/fd | xargs -0 sh -c 'find "$@" -maxdepth 1 -lname "socket:*" -printf "%p %l\\n" 2>/dev/null' sh
else
  ls -l /proc/[0-9]*/fd 2>/dev/null | grep -aE '^/proc/[0-9]+/fd:$| -> socket:\\[[0-9]+\\]$'
fi""",
)
PROBES = (NET, HOLDERS)
_DEFAULT_EPHEMERAL = (32768, 60999)
_STATES: Mapping[str, State] = {"0A": "listen", "07": "listen", "01": "established"}
_LINE = re.compile(
    rb"/proc/net/(?P<protocol>tcp6?|udp6?): *\d+: (?P<local>[0-9A-F]{8}|[0-9A-F]{32}):(?P<port>[0-9A-F]{4}) "
    rb"(?P<peer>[0-9A-F]{8}|[0-9A-F]{32}):(?P<peer_port>[0-9A-F]{4}) (?P<state>[0-9A-F]{2}) "
    rb"\S+ \S+ \S+ +(?P<uid>\d{1,10}) +\d+ (?P<inode>\d{1,20})(?: .*)?"
)
_HOLDER = re.compile(rb"/proc/(\d{1,10})/fd/\d+ socket:\[(\d{1,20})\]")
_LS_FOLDER = re.compile(rb"/proc/(\d{1,10})/fd:")
_LS_SOCKET = re.compile(rb"l[^/]* \d+ -> socket:\[(\d{1,20})\]")


@dataclass(frozen=True, slots=True)
class Socket:
    """One socket; `peer` is "" for one that listens, `inode` 0 for one that no process can hold."""

    protocol: str
    state: State
    address: str
    port: int
    peer: str
    peer_port: int
    uid: bytes
    inode: int


@dataclass(frozen=True, slots=True)
class Sockets:
    """All sockets of the host's own network namespace, and the ports that the kernel hands out by itself."""

    sockets: tuple[Socket, ...] = ()
    ephemeral: tuple[int, int] = _DEFAULT_EPHEMERAL
    unparsed: str = ""


def parse_sockets(result: ProbeResult) -> Sockets:
    """Read what `NET` brought."""
    order: Literal["little", "big"] = "little"
    ephemeral = _DEFAULT_EPHEMERAL
    found, strange = [], []
    for line in whole_lines(result.stdout):
        words = line.split()
        if words[:1] == [b"order"]:
            order = "big" if words[1:] == [b"16777216"] else "little"
        elif (
            words[:1] == [b"ephemeral"]
            and len(words) == 3
            and all(word.isdigit() and len(word) < 6 for word in words[1:])
        ):
            ephemeral = (int(words[1]), int(words[2]))
        elif match := _LINE.fullmatch(line.rstrip()):
            found.append(_socket(match, order))
        else:
            strange.append(line)
    sockets = tuple(socket for socket in found if socket is not None)
    return Sockets(sockets, ephemeral, not_understood(strange) if result.outcome is Outcome.OK else "")


def parse_holders(result: ProbeResult) -> dict[int, set[int]]:
    """Return the ids of the processes that hold each socket, by its inode, from what `HOLDERS` brought."""
    found: dict[int, set[int]] = {}
    for pid, inode in _holders(whole_lines(result.stdout)):
        found.setdefault(inode, set()).add(pid)
    return found


def _holders(lines: Iterable[bytes]) -> Iterable[tuple[int, int]]:
    pid = 0
    for line in lines:
        if match := _HOLDER.fullmatch(line):
            yield int(match[1]), int(match[2])
        elif match := _LS_FOLDER.fullmatch(line):
            pid = int(match[1])
        elif (match := _LS_SOCKET.fullmatch(line)) and pid:
            yield pid, int(match[1])


def _socket(match: re.Match[bytes], order: Literal["little", "big"]) -> Socket | None:
    state = _STATES.get(match["state"].decode())
    protocol = match["protocol"].decode()
    if state is None or (protocol.startswith("tcp") and match["state"] == b"07"):
        return None
    port = int(match["port"], 16)
    return Socket(
        protocol=protocol,
        state=state,
        address=address(match["local"], order),
        port=port,
        peer=address(match["peer"], order) if state == "established" else "",
        peer_port=int(match["peer_port"], 16),
        uid=match["uid"],
        inode=int(match["inode"]),
    )


def address(digits: bytes, order: Literal["little", "big"] = "little") -> str:
    """Return the address that the kernel printed as 32-bit numbers of the host's byte order, in hexadecimal."""
    data = bytes.fromhex(digits.decode())
    if order == "little":
        data = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    if len(data) == 4:
        return str(IPv4Address(data))
    six = IPv6Address(data)
    return f"[::ffff:{six.ipv4_mapped}]" if six.ipv4_mapped else f"[{six}]"
