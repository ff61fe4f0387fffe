"""Packages of Composer: `vendor/composer/installed.json` names them all."""

import json
from collections.abc import Iterator
from posixpath import normpath

from driftscan.model.item import Json
from driftscan.scopes.checkout.urls import without_credentials
from driftscan.scopes.languages.base import Ecosystem, Look, Package, Shown

_LIST = b"/composer/installed.json"


def _plan(look: Look) -> Iterator[bytes]:
    for entry in look.entries:
        if entry.path.endswith(_LIST) and look.readable(entry.path):
            yield entry.path


def _packages(look: Look, shown: Shown) -> Iterator[Package]:
    for metadata in _plan(look):
        vendor = metadata.removesuffix(_LIST)
        for told in _told(shown.get(metadata, b"")):
            name, version = told.get("name"), told.get("version")
            if not isinstance(name, str) or "/" not in name:
                continue
            own = normpath(b"%s/%s" % (vendor, name.encode("utf-8", "replace")))
            entry = look.directories.entry(own) if own.startswith(vendor + b"/") else None
            yield Package(
                name=name,
                version=version if isinstance(version, str) else None,
                root=vendor,
                environment=vendor.rpartition(b"/")[0],
                metadata=metadata,
                paths=[own] if entry is not None else [],
                files=look.directories.measure(own).files if entry is not None and entry.kind == "d" else 0,
                installer="composer",
                origin=_origin(told.get("source")),
            )


def _told(data: bytes) -> Iterator[dict[str, Json]]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return
    packages = told.get("packages") if isinstance(told, dict) else told  # Composer 2, Composer 1
    if isinstance(packages, list):
        yield from (one for one in packages if isinstance(one, dict))


def _origin(source: Json) -> str:
    url = source.get("url") if isinstance(source, dict) else None
    return without_credentials(url.encode("utf-8", "replace"))[0] if isinstance(url, str) else "index"


ECOSYSTEM = Ecosystem("composer", frozenset({b"installed.json"}), (), _plan, _packages)
