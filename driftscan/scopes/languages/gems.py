"""Packages of RubyGems: `specifications/NAME-VERSION.gemspec` beside `gems/NAME-VERSION`."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from driftscan.model.text import text
from driftscan.scopes.languages.base import Ecosystem, Look, Package, Shown, environment

_SPEC = re.compile(rb"(.+)/specifications(?:/default)?/((.+?)-(\d[\w.]*)(?:-[\w.-]+)?)\.gemspec")
_EXECUTABLES = re.compile(rb"\.executables\s{0,9}=\s{0,9}\[([^\]]{0,4000})\]")
_WORD = re.compile(rb'["\']([\w.+-]{1,100})["\']')
# Where gem puts its packages: the prefix of the interpreter, or the project that `bundle install --path` was run in.
_PREFIX = re.compile(rb"(.*?)/(?:lib(?:64)?/ruby/gems/|share/gems$|share/gems/|share/rubygems-integration/)")
_BUNDLE = re.compile(rb"(.*?)/vendor/bundle(?:/|$)")


class _Found(NamedTuple):
    metadata: bytes
    root: bytes
    full: bytes
    name: bytes
    version: bytes


def _found(look: Look) -> Iterator[_Found]:
    for entry in look.entries:
        match = _SPEC.fullmatch(entry.path) if entry.kind == "f" else None
        if match is not None:
            yield _Found(entry.path, *match.groups())


def _plan(look: Look) -> Iterator[bytes]:
    return (found.metadata for found in _found(look) if look.readable(found.metadata))


def _packages(look: Look, shown: Shown) -> Iterator[Package]:
    for found in _found(look):
        own = b"%s/gems/%s" % (found.root, found.full)
        paths = [found.metadata, *_beside(look, found), *_programs(look, found, shown.get(found.metadata, b""))]
        present = look.directories.entry(own)
        yield Package(
            name=text(found.name),
            version=text(found.version),
            root=found.root,
            environment=_environment(found.root),
            metadata=found.metadata,
            paths=paths,
            files=look.directories.measure(own).files if present is not None and present.kind == "d" else 0,
            installer="gem",
            origin="index",
        )


def _beside(look: Look, found: _Found) -> Iterator[bytes]:
    """Yield what gem keeps of a package beside its specification."""
    places = (b"gems/%s", b"cache/%s.gem", b"doc/%s", b"build_info/%s.info")
    paths = [b"%s/%s" % (found.root, place % found.full) for place in places]
    for platform in look.directories.list(found.root + b"/extensions").values():
        abis = look.directories.list(platform.path).values()
        paths += [b"%s/%s" % (abi.path, found.full) for abi in abis]
    for path in paths:
        if look.directories.entry(path) is not None:
            yield path


def _programs(look: Look, found: _Found, specification: bytes) -> Iterator[bytes]:
    """Yield the small programs that gem writes for the executables of a package."""
    told = _EXECUTABLES.search(specification)
    if told is None:
        return
    prefix = _PREFIX.match(found.root + b"/")
    places = {found.root + b"/bin", b"%s/bin" % prefix[1] if prefix else b"/usr/local/bin"}
    for name in _WORD.findall(told[1]):
        for place in sorted(places):
            path = b"%s/%s" % (place, name)
            entry = look.directories.entry(path)
            if entry is not None and entry.kind == "f":
                yield path


def _environment(root: bytes) -> bytes:
    bundle = _BUNDLE.match(root)
    if bundle:
        return bundle[1]
    prefix = _PREFIX.match(root + b"/")
    if prefix:
        return environment(prefix[1])
    return b"" if root.startswith(b"/var/lib/gems/") else root


ECOSYSTEM = Ecosystem("gem", frozenset(), (b".gemspec",), _plan, _packages)
