"""Programs that cargo installed: `.crates.toml` names each with its version, its source and its executables."""

import re
from collections.abc import Iterator

from driftscan.model.text import text
from driftscan.scopes.checkout.urls import without_credentials
from driftscan.scopes.languages.base import Ecosystem, Look, Package, Shown

_LINE = re.compile(rb'"([\w-]{1,100}) ([\w.+-]{1,60}) \(([^()"]{0,500})\)" = \[([^\]]{0,2000})\]')
_WORD = re.compile(rb'"([^"/\0]{1,200})"')
_LIST = b"/.crates.toml"


def _plan(look: Look) -> Iterator[bytes]:
    return (entry.path for entry in look.entries if entry.path.endswith(_LIST) and look.readable(entry.path))


def _packages(look: Look, shown: Shown) -> Iterator[Package]:
    for metadata in _plan(look):
        root = metadata.removesuffix(_LIST)
        for name, version, source, programs in _LINE.findall(shown.get(metadata, b"")):
            paths = [b"%s/bin/%s" % (root, program) for program in _WORD.findall(programs)]
            kind, _, url = source.partition(b"+")
            yield Package(
                name=text(name),
                version=text(version),
                root=root,
                environment=root,
                metadata=metadata,
                paths=[path for path in paths if look.directories.entry(path) is not None],
                files=len(paths),
                requested=True,
                installer="cargo",
                origin="index" if kind in {b"registry", b"sparse"} else without_credentials(url)[0],
            )


ECOSYSTEM = Ecosystem("cargo", frozenset({b".crates.toml"}), (), _plan, _packages)
