"""The scope `repositories`: where package managers get their packages from, and what vouches for each source."""

from itertools import chain

from driftscan.model.item import Column, Item
from driftscan.model.redaction import redact
from driftscan.scopes._common import blind_spots, not_understood, numbered
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results
from driftscan.scopes.sources import apt, others, rpm
from driftscan.scopes.sources.base import Repository, distribution, shown_files

COLUMNS = (
    Column("manager", "text", "Whose source it is: apt, dnf, yum, zypper, pacman or apk"),
    Column("file", "text", "File that it stands in"),
    Column("name", "text", "Suite (apt) or id of the repository; of a key or a setting, its name"),
    Column("types", "json", "deb, deb-src, baseurl, mirrorlist, metalink, server, apk; key: a key that every source may be "
           "signed with; setting: one that takes the checks away from every source"),
    Column("uris", "json", "Addresses, passwords replaced"),
    Column("suites", "json", "Suites of apt"),
    Column("components", "json", "Components of apt", golden=True),
    Column("enabled", "boolean", "Whether it is used", golden=True),
    Column("signed_by", "text", "Keys that it must be signed with, where it says so", golden=True),
    Column("trusted", "boolean", "Whether packages are taken from it though nothing vouches for them (trusted=yes, gpgcheck=0)", golden=True, usual=(None, False)),
    Column("signed", "boolean", "Whether what the host has fetched of it has a signature; empty when it has nothing or none is kept"),
    Column("listed", "boolean", "Whether the host has ever fetched its lists; empty when nobody can tell"),
    Column("origin", "text", "Who publishes it, by its own release file"),
    Column("third_party", "boolean", "Whether somebody other than the host's distribution publishes it; empty when unknown"),
    Column("options", "text", "What else is set for it, secrets replaced"),
    Column("package", "text", "Package that owns the file", owner_of="file"),
)  # fmt: skip
_RELEASE = Probe("os-release", "ds_file /etc/os-release /usr/lib/os-release")


def parse(results: Results) -> Parsed:
    """Turn the files of every manager into one item per source."""
    ours = distribution(shown_files(results, _RELEASE.name))
    found = list(
        chain(
            apt.repositories(results, ours),
            rpm.repositories(results, ours),
            others.repositories(results, ours),
        )
    )
    denied, unparsed = blind_spots(results)
    words = not_understood([redact(line.decode("utf-8", "replace")).text.encode()
                            for line in apt.strange(results)])  # fmt: skip
    if words:
        unparsed[apt.SOURCES.name] = words
    keys = numbered(redact(one.key).text for one in found)
    return Parsed(items=list(map(_item, keys, found)), denied=denied, unparsed=unparsed)


def _item(key: str, repository: Repository) -> Item:
    attributes = repository.attributes()
    return Item(
        "repositories", key, {column.name: attributes[column.name] for column in COLUMNS if not column.owner_of}
    )


SCOPE = ItemScope(
    name="repositories",
    doc="Sources of packages: apt, yum, dnf, zypper, pacman, apk; which are signed, whose they are",
    columns=COLUMNS,
    probes=(*apt.PROBES, rpm.SOURCES, *others.PROBES, _RELEASE),
    parse=parse,
)
