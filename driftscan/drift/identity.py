"""What a host has of its own: its name, addresses, numbers and keys, by which no two hosts are the same."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address

from driftscan.model.item import Item, Json
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import text

_HOSTNAME = "<hostname>"
_ADDRESS = "<address>"
_MAC = "<mac>"
_MACHINE_ID = "<machine-id>"
_BOOT_ID = "<boot-id>"
_DISK = "<disk of {}>"

_NOT_A_NAME = {"localhost", "localhost.localdomain", "(none)", "host", "root"}
_HEX_ID = re.compile(r"[0-9a-f]{32}")
_MAC_FORM = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FILESYSTEM = re.compile(r"(?:UUID=|/by-(?:part)?uuid/)([0-9a-f-]{9,36})(?![\w-])", re.IGNORECASE)

# What the tools of the base system write on each host and nobody compares: machine-id(5), random-seed, host keys,
# names of initiators, the database files behind the accounts (whose scope tells what differs in them).
_FILES = re.compile(
    r"/etc/(?:machine-id|machine-info|hostname|hostid|adjtime|(?:passwd|group|shadow|gshadow|subuid|subgid)-?"
    r"|iscsi/initiatorname\.iscsi|nvme/host(?:id|nqn)|ssh/ssh_host_[a-z0-9]{1,20}_key(?:\.pub|-cert\.pub)?"
    r"|udev/rules\.d/70-persistent-(?:net|cd)\.rules|pve/local|dropbear/dropbear_[a-z0-9]+_host_key"
    r"|ssl/(?:certs/ssl-cert-snakeoil\.pem|private/ssl-cert-snakeoil\.key))"
    r"|/var/lib/(?:dbus/machine-id|(?:systemd|urandom|misc)/(?:random-seed|credential\.secret)|systemd/credential\.secret)"
    r"|/var/lib/(?:dhcp|dhclient|dhcpcd|NetworkManager|systemd/network)/.*|/var/lib/cloud/.*"
    r"|/boot/(?:loader/random-seed|efi/loader/random-seed|grub2?/grubenv)|/etc/\.updated|/var/\.updated"
)
_KEYS = {
    "system": {"hostname", "machine id", "boot id", "boot time", "clock"},
    "kernel": {"sysctl kernel.hostname", "sysctl kernel.domainname", "sysctl kernel.random.boot_id"},
}


@dataclass(frozen=True)
class Identity:
    """What one host has of its own: `words` maps each word that is, in lower case, to what stands for it.

    `own` are items by scope and key, and paths under `files`, that every host has its own of.
    """

    words: Mapping[str, str]
    own: frozenset[tuple[str, str]] = frozenset()

    @cached_property
    def _pattern(self) -> "re.Pattern[str] | None":
        return _pattern(self.words)

    def neutral(self, value: str) -> str:
        """Return `value` with every whole word that is this host's own replaced by what stands for it."""
        if self._pattern is None:
            return value
        return self._pattern.sub(lambda match: self.words[match[0].lower()], value)

    def neutral_json(self, value: Json) -> Json:
        """Return `value` with every text in it made neutral."""
        if isinstance(value, str):
            return self.neutral(value)
        if isinstance(value, list):
            return [self.neutral_json(part) for part in value]
        if isinstance(value, dict):
            return {self.neutral(name): self.neutral_json(part) for name, part in value.items()}
        return value

    def is_own(self, scope: str, key: str) -> bool:
        """Whether each host has its own of an item or path, which says nothing when it differs."""
        if scope in {"files", "contents"}:
            return ("files", key) in self.own or _FILES.fullmatch(key) is not None
        return (scope, key) in self.own or key in _KEYS.get(scope, ())


NOBODY = Identity({})
NEUTRAL = frozenset({"mounts", "network", "sockets"})  # scopes whose items hold the host's own names and addresses


def identity(snapshot: Snapshot) -> Identity:
    """Return what the host of a snapshot has of its own, as far as the snapshot shows it."""
    items: dict[str, list[Item]] = {}
    for item in snapshot.items:
        if item.scope in {"network", "mounts", "certificates", "contents", "kernel"}:
            items.setdefault(item.scope, []).append(item)
    words: dict[str, str] = {}
    names = set(_names(snapshot))
    for word, stands in (
        *_numbers(snapshot, items),
        *_disks(items.get("mounts", ())),
        *_live(items.get("network", ())),
        *((name, _HOSTNAME) for name in names),
    ):
        words.setdefault(word.lower(), stands)
    return Identity(words, frozenset(_own(items.get("certificates", ()), names)))


def _names(snapshot: Snapshot) -> Iterator[str]:
    """Yield the host's name, and the short form where it holds a domain: that of others is the same domain."""
    name = snapshot.facts.get("hostname")
    if not isinstance(name, str):
        return
    short = name.partition(".")[0]
    if len(short) > 1 and not short.isdigit() and name.lower() not in _NOT_A_NAME:
        yield short


def _live(network: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """Yield the addresses of the host's interfaces, those of their hardware, and the names that are made of these."""
    for item in network:
        attributes: Mapping[str, Json] = item.attributes
        kind, value, mac = attributes.get("kind"), attributes.get("value"), attributes.get("mac")
        if kind == "address" and isinstance(value, str):
            address = value.partition("/")[0]
            if _is_own(address):
                yield address, _ADDRESS
                yield address.replace(".", "-"), _ADDRESS
        if kind == "interface" and isinstance(mac, str) and _MAC_FORM.fullmatch(mac) and set(mac) - set("0:"):
            yield mac, _MAC
            yield mac.replace(":", "-"), _MAC
            yield mac.replace(":", ""), _MAC
            yield f"enx{mac.replace(':', '')}", _MAC


def _is_own(spelled: str) -> bool:
    try:
        address = ip_address(spelled)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


def _numbers(snapshot: Snapshot, items: Mapping[str, Sequence[Item]]) -> Iterator[tuple[str, str]]:
    """Yield the machine-id, as a file or the journal shows it, and the number of the boot."""
    for item in items.get("contents", ()):
        value = item.attributes.get("text")
        if item.key in {"/etc/machine-id", "/var/lib/dbus/machine-id"} and isinstance(value, str):
            yield from ((word, _MACHINE_ID) for word in _HEX_ID.findall(value)[:1])
    if snapshot.tree:
        journals = snapshot.directories.list(b"/var/log/journal")
        yield from ((text(name), _MACHINE_ID) for name in journals if _HEX_ID.fullmatch(text(name)))
    for item in items.get("kernel", ()):
        value = item.attributes.get("live")
        if item.key == "sysctl kernel.random.boot_id" and isinstance(value, str) and _UUID.fullmatch(value.strip()):
            yield value.strip(), _BOOT_ID
            yield value.strip().replace("-", ""), _BOOT_ID


def _disks(mounts: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """Yield the numbers of the filesystems, each told by where it is mounted: a swapped one is no identity."""
    for item in mounts:
        for name in ("source", "fstab_source"):
            value = item.attributes.get(name)
            for word in _FILESYSTEM.findall(value) if isinstance(value, str) else ():
                yield word, _DISK.format(item.key)


def _own(certificates: Iterable[Item], names: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the certificates that are for this host alone, with the files that they and their keys are in."""
    for item in certificates:
        attributes: Mapping[str, Json] = item.attributes
        subject = str(attributes.get("subject") or "").removeprefix("CN=")
        named = [str(name) for name in attributes.get("names") or [subject]]
        if named and all(name.partition(".")[0] in names for name in named):
            yield "certificates", item.key
            for path in (attributes.get("path"), attributes.get("key_path")):
                yield "files", str(path)


def _pattern(words: Mapping[str, str]) -> "re.Pattern[str] | None":
    """Return an expression for any of `words` as a whole word; the longest is tried first."""
    if not words:
        return None
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return re.compile("|".join(_bounded(word, words[word]) for word in ordered), re.IGNORECASE)


def _bounded(word: str, stands: str) -> str:
    """Return an expression for one word: nothing may stand beside it that would make it another one."""
    spelled = re.escape(word)
    if stands == _ADDRESS and ":" in word:
        return rf"(?<![0-9a-fA-F:.]){spelled}(?![0-9a-fA-F:])"
    if stands == _ADDRESS:
        return rf"(?<![0-9a-zA-Z])(?<![0-9][.-]){spelled}(?![0-9a-zA-Z]|[.-][0-9])"
    if stands == _HOSTNAME and not any(char.isdigit() for char in word):
        return rf"(?<![\w-]){spelled}(?![\w-])"  # a plain word such as "mail": mail-server is something else
    return rf"(?<!\w){spelled}(?!\w)"
