"""The scope `sockets`: who listens on the network, and whom this host's programs are connected to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from driftscan.model.item import Column, Item, Json
from driftscan.model.text import text
from driftscan.scopes._common import numbered
from driftscan.scopes._identity import describe
from driftscan.scopes.base import ItemScope, Parsed, Results
from driftscan.scopes.proc import inet, probes, procfs
from driftscan.scopes.proc.inet import Socket, Sockets
from driftscan.scopes.proc.procfs import Process, Table

COLUMNS = (
    Column("protocol", "text", "tcp, tcp6, udp or udp6; a socket on [::] may take IPv4 connections as well"),
    Column(
        "state", "text", "listen: waits for connections or datagrams; established: this host has connected to the peer"
    ),
    Column("address", "text", "Own address; 0.0.0.0 and [::] stand for all"),
    Column("port", "integer", "Own port; null for one that the kernel chose (see ports)"),
    Column(
        "peer", "text", "Address and port connected to, * for a port that was chosen at random; null when it listens"
    ),
    Column(
        "user", "text", "Account of the process, or, where that is not known, the one that made the socket", golden=True
    ),
    Column("exe", "text", "Executable of the process; null when not known", golden=True),
    Column("command", "text", "Command line of the process, secrets replaced; null when not known"),
    Column("unit", "text", "systemd unit of the process", golden=True),
    Column("container", "text", "Container that the process runs in, as docker:ID …"),
    Column("package", "text", "Package that owns the executable", owner_of="exe"),
    Column("count", "integer", "How many such sockets there are", volatile=True),
    Column("pid", "json", "Ids of the processes that hold it", volatile=True),
    Column("ports", "json", "Ports that the kernel chose for it", volatile=True),
    Column(
        "clients", "json", "Addresses that are connected to it, this host's and the auditor's left out", volatile=True
    ),
)
_Place = tuple[str, str, int]  # protocol, address, port
_ANY = frozenset({"0.0.0.0", "[::]"})  # noqa: S104 - nothing is bound
_LOOPBACK = ("127.", "::1")
_CLIENTS = 50  # addresses that are kept of one listener
_PROCESS_COLUMNS = ("user", "exe", "command", "unit", "container")


def parse(results: Results) -> Parsed:
    """Turn what the probes brought into items; connections that others made are told with what listens for them."""
    if "net" not in results:
        return Parsed()
    table = procfs.table(results)
    net = inet.parse_sockets(results["net"])
    holders = inet.parse_holders(results["holders"]) if "holders" in results else {}
    accounts = procfs.users(results)
    held = [_held(socket, holders, table, accounts) for socket in _outward(net)]
    sockets = [one for one in held if one is not None]
    denied = {}
    unknown = sum(1 for one in sockets if not one.pids and one.socket.inode)
    if table.denied and unknown:
        denied["holders"] = f"the process of {unknown} of {len(sockets)} sockets is not shown to this account"
    unparsed = dict(table.unparsed) | ({"net": net.unparsed} if net.unparsed else {})
    return Parsed(items=_items(sockets, net, _inward(net, holders, table)), unparsed=unparsed, denied=denied)


@dataclass(frozen=True, slots=True)
class _Held:
    """A socket with the processes that hold it."""

    socket: Socket
    pids: tuple[int, ...]
    process: Mapping[str, Json]


def _outward(net: Sockets) -> Iterable[Socket]:
    """Give what listens, and the connections that this host made: their own port is not one that listens."""
    listening = {(socket.protocol[:3], socket.port) for socket in net.sockets if socket.state == "listen"}
    for socket in net.sockets:
        if socket.state == "listen" or (socket.protocol[:3], socket.port) not in listening:
            yield socket


def _inward(net: Sockets, holders: Mapping[int, set[int]], table: Table) -> dict[_Place, set[str]]:
    """Return the addresses of other hosts that have connected to this one, by what may listen for them.

    The auditor's own connection is none.
    """
    found: dict[_Place, set[str]] = {}
    for socket in net.sockets:
        peer, pids = _plain(socket.peer), holders.get(socket.inode)
        if socket.state != "established" or not socket.protocol.startswith("tcp") or socket.peer == socket.address:
            continue
        if not peer.startswith(_LOOPBACK) and not (pids and pids <= table.own):
            for address in (socket.address, *_ANY):
                found.setdefault((socket.protocol, address, socket.port), set()).add(peer)
    return found


def _plain(address: str) -> str:
    """Return an address as people write it: that of IPv4 in a socket of IPv6 alone, others without brackets."""
    return address.strip("[]").removeprefix("::ffff:")


def _held(socket: Socket, holders: Mapping[int, set[int]], table: Table, accounts: Mapping[bytes, str]) -> _Held | None:
    """Return a socket with its process, the oldest of those that share it; None when it is the auditor's own."""
    pids = holders.get(socket.inode, set())
    others = sorted((table.processes[pid] for pid in pids - table.own if pid in table.processes), key=_age)
    if pids and pids <= table.own:
        return None
    if not others:
        user = accounts.get(socket.uid, text(socket.uid))
        return _Held(socket, (), dict.fromkeys(_PROCESS_COLUMNS) | {"user": user})
    about = describe(others[0], table.processes)
    return _Held(socket, tuple(sorted(p.pid for p in others)), {name: about[name] for name in _PROCESS_COLUMNS})


def _age(process: Process) -> tuple[float, int]:
    return process.started, process.pid


def _items(sockets: Iterable[_Held], net: Sockets, inward: Mapping[_Place, set[str]]) -> list[Item]:
    groups: dict[str, list[_Held]] = {}
    attributes: dict[str, dict[str, Json]] = {}
    for one in sockets:
        stable = _attributes(one, net.ephemeral)
        name = repr(sorted(stable.items(), key=lambda pair: pair[0]))
        groups.setdefault(name, []).append(one)
        attributes[name] = stable
    names = sorted(groups)
    keys = numbered(_key(attributes[name]) for name in names)
    return [
        Item("sockets", key, attributes[name], _volatile(groups[name], attributes[name], inward))
        for key, name in zip(keys, names, strict=True)
    ]


def _attributes(one: _Held, ephemeral: tuple[int, int]) -> dict[str, Json]:
    socket = one.socket
    chosen = socket.state == "established" or ephemeral[0] <= socket.port <= ephemeral[1]
    peer = None
    if socket.state == "established":
        far = "*" if ephemeral[0] <= socket.peer_port <= ephemeral[1] else str(socket.peer_port)
        peer = f"{socket.peer}:{far}"
    return {
        "protocol": socket.protocol,
        "state": socket.state,
        "address": socket.address,
        "port": None if chosen else socket.port,
        "peer": peer,
        **one.process,
    }


def _key(stable: Mapping[str, Json]) -> str:
    who = f"{stable['user']} {stable['exe'] or '?'}"
    if stable["state"] == "established":
        return f"{stable['protocol']} {stable['address']} to {stable['peer']} by {who}"
    if stable["port"] is None:
        return f"{stable['protocol']} {stable['address']}:* by {who}"
    return f"{stable['protocol']} {stable['address']}:{stable['port']}"


def _volatile(alike: list[_Held], stable: Mapping[str, Json], inward: Mapping[_Place, set[str]]) -> dict[str, Json]:
    return {
        "count": len(alike),
        "pid": sorted({pid for one in alike for pid in one.pids}),
        "ports": sorted({one.socket.port for one in alike}) if stable["port"] is None else [],
        "clients": _clients(alike, inward),
    }


def _clients(alike: list[_Held], inward: Mapping[_Place, set[str]]) -> list[Json]:
    """Return who is connected to what listens, at most 50 addresses."""
    places = [
        (one.socket.protocol, one.socket.address, one.socket.port) for one in alike if one.socket.state == "listen"
    ]
    found = {peer for place in places for peer in inward.get(place, ())}
    return [*sorted(found)[:_CLIENTS]]


SCOPE = ItemScope(
    name="sockets",
    doc="Listening TCP and UDP sockets and outgoing connections, with the process behind each",
    columns=COLUMNS,
    probes=(*inet.PROBES, *probes.PROBES),
    parse=parse,
    golden=lambda item: item.attributes.get("state") == "listen",
)
