"""The scope `ucf`: configuration that packages keep by ucf instead of dpkg."""

import re

from driftscan.model.item import Column, Item
from driftscan.model.text import text
from driftscan.scopes._common import not_understood
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results

COLUMNS = (
    Column("path", "text", "Configuration file"),
    Column("package", "text", "Package that it belongs to, by ucf's registry; empty when that does not say"),
    Column("digest", "text", "md5:HEX of the version of the package that was accepted last; empty when none was"),
)
_HASHES, _REGISTRY = "/var/lib/ucf/hashfile", "/var/lib/ucf/registry"
_FILES = Probe("ucf", f"ds_file {_HASHES} {_REGISTRY}")


def parse(results: Results) -> Parsed:
    """Turn ucf's two files into one item per configuration file."""
    result = results.get(_FILES.name)
    shown = {text(file.path): file.data for file in (result.files if result else ())}
    digests: dict[str, str] = {}
    packages: dict[str, str] = {}
    strange = []
    for line in shown.get(_HASHES, b"").split(b"\n"):
        match = re.fullmatch(r"([0-9a-f]{32})\s+(/.*?)\s*", text(line))
        if match:
            digests[match[2]] = f"md5:{match[1]}"
        elif line.strip():
            strange.append(line)
    for line in shown.get(_REGISTRY, b"").split(b"\n"):
        match = re.fullmatch(r"(\S+)\s+(/.*?)\s*", text(line))
        if match:
            packages[match[2]] = match[1]
        elif line.strip():
            strange.append(line)
    items = [
        Item("ucf", path, {"path": path, "package": packages.get(path, ""), "digest": digests.get(path, "")})
        for path in sorted({*digests, *packages})
    ]
    words = not_understood(strange)
    return Parsed(items=items, unparsed={_FILES.name: words} if words else {})


SCOPE = ItemScope(
    name="ucf",
    doc="Configuration that packages keep by ucf, with the version that was accepted last",
    columns=COLUMNS,
    probes=(_FILES,),
    parse=parse,
)
