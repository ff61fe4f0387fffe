"""Resources gathered into groups that one task can make, with none before what it stands on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from driftscan.emit._ansible_places import variables
from driftscan.emit._ansible_templates import encoding
from driftscan.role.resources import (
    Absent,
    Checkout,
    Directory,
    File,
    Flags,
    HardLink,
    Lines,
    Link,
    Package,
    PackageFile,
    Resource,
    Rights,
)

Key = tuple[object, ...]
# Of these a module tells beforehand whether it would write, so that a seal comes off only then.
_ASKABLE = (Directory, File, Lines, Link, HardLink, Absent, Rights)


@dataclass
class Group:
    """Resources of one kind that one task can make; `sealed` are the flagged paths that it writes to."""

    key: Key
    sealed: set[str] = field(default_factory=set)
    members: list[Resource] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    above: set[str] = field(default_factory=set)  # of the paths, themselves included

    def add(self, resource: Resource) -> None:
        """Take a resource in."""
        self.members.append(resource)
        for path in _paths(resource):
            self.paths.add(path)
            self.above.update(_up(path))

    def touches(self, resource: Resource) -> bool:
        """Whether a path of `resource` lies at, above or below one of the group's: their order matters."""
        return any(path in self.above or any(up in self.paths for up in _up(path)) for path in _paths(resource))


def gathered(resources: Sequence[Resource], seals: Sequence[Flags]) -> list[Group]:
    """Return the groups of one stage in the order in which they must be made.

    A resource goes into an earlier group of its kind where nothing between that and its own place touches its paths.
    """
    sealed = {one.path for one in seals}
    groups: list[Group] = []
    for resource in resources:
        seals_here = [path for path in _near(resource) if path in sealed]
        key = (*_key(resource), bool(seals_here))
        found = next(_fitting(groups, resource, key), None)
        if found is None:
            found = Group(key)
            groups.append(found)
        found.add(resource)
        found.sealed.update(seals_here)
    return groups


def _fitting(groups: Sequence[Group], resource: Resource, key: Key) -> Iterator[Group]:
    for group in reversed(groups):
        if group.key == key:
            yield group
        if not _paths(resource) or not group.paths or group.touches(resource):
            return


def _key(resource: Resource) -> Key:
    own: Key = ()
    if isinstance(resource, File):
        content = resource.content
        own = (None,) if content is None else (bool(content.variables), content.variables and encoding(content))
    elif isinstance(resource, Checkout):
        own = (resource.kind, resource.user)
    elif isinstance(resource, (Package, PackageFile)):
        own = (resource.manager,)
    return (type(resource), resource.notify, tuple(variables(resource).items()), *own)


def _paths(resource: Resource) -> tuple[str, ...]:
    path = getattr(resource, "path", None)
    if path is None:
        return ()
    return (path, resource.to) if isinstance(resource, HardLink) else (path,)


def _near(resource: Resource) -> Iterable[str]:
    """Yield the path of a resource, and the directory that it is written in."""
    for path in () if not isinstance(resource, _ASKABLE) else _paths(resource):
        yield from (path, path.rpartition("/")[0] or "/")


def _up(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]
