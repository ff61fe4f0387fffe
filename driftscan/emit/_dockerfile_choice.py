"""Which resources of a role an image holds, and why the others are in none."""

import io
import tarfile
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from driftscan.emit._dockerfile_words import has_control, is_name, is_package, is_path
from driftscan.role.model import Function, Role
from driftscan.role.resources import (
    Acl,
    Alternative,
    Archive,
    Checkout,
    Directory,
    Flags,
    Group,
    HardLink,
    LanguagePackages,
    Lines,
    Link,
    Membership,
    Owned,
    Package,
    PackageFile,
    Refresh,
    Resource,
    Rights,
    Service,
    Special,
    StatOverride,
    User,
    Xattr,
)

_INTERPRETERS = {"pip": ("python", "pypy"), "npm": ("node",), "gem": ("ruby", "jruby")}
_ENGINES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
_KERNEL = "the kernel and its settings are those of the machine, not of an image"
_PLACES = (  # what lies there is for a whole host
    (("/etc/systemd/", "/lib/systemd/", "/usr/lib/systemd/", "/etc/init.d/", "/etc/rc", "/etc/default/"),
     "an image has no init: a function's command is what its container runs"),
    (("/etc/cron", "/var/spool/cron/", "/var/spool/at/", "/etc/anacrontab"), "an image has no scheduler"),
    (("/etc/sysctl", "/etc/modules", "/etc/modprobe.d/", "/etc/udev/", "/boot/"), _KERNEL),
    (("/etc/nftables", "/etc/iptables/", "/etc/firewalld/", "/etc/ufw/"), "the firewall is that of the machine"),
    (("/etc/fstab", "/etc/crypttab"), "what is mounted is said where the container is run"),
    (("/etc/sudoers", "/etc/ssh/", "/etc/pam.d/", "/etc/security/", "/etc/profile"), "nobody logs in to an image"),
    (("/etc/logrotate",), "an image has no scheduler, and its service's log is read by the engine"),
    (_ENGINES, "the engine writes this file when a container starts"),
)  # fmt: skip
_IN_NO_LAYER = {
    Acl: "layers of images keep no access control lists",
    Xattr: "layers of images keep no extended attributes of users",
    Flags: "layers of images keep no flags of chattr",
}


class Chosen(NamedTuple):
    """What one image holds: a function, and its resources in the role's order."""

    function: Function
    resources: tuple[Resource, ...]


def choose(role: Role, function: Function) -> Chosen:
    """Return the resources that an image of `function` holds."""
    mine = [one for one in role.resources if not _impossible(one) and _belongs(role, function, one)]
    linked = {one.to for one in mine if isinstance(one, HardLink)}
    held = {id(one) for one in mine}
    mine += [one for one in role.resources if isinstance(one, Owned) and one.path in linked and id(one) not in held]
    accounts = _accounts(role, function, mine)
    held = {id(one) for one in (*mine, *accounts)}
    return Chosen(function, tuple(one for one in role.resources if id(one) in held))


def _belongs(role: Role, function: Function, resource: Resource) -> bool:
    if isinstance(resource, Package | PackageFile):
        return resource.name in function.packages
    if isinstance(resource, LanguagePackages):
        return _speaks(role, function, resource)
    if isinstance(resource, Alternative):
        return within(resource.value, function.paths) or resource.link in function.command[:1]
    path = getattr(resource, "path", None)
    if not isinstance(path, str):
        return False
    if isinstance(resource, Archive | Checkout | Directory) and any(within(one, (path,)) for one in function.paths):
        return True  # it lies on the way, or one of the paths is in it
    return within(path, function.paths)


def _speaks(role: Role, function: Function, packages: LanguagePackages) -> bool:
    """Whether a function loads language packages: those of its environment; without one, of the whole system."""
    if packages.environment:
        return within(packages.environment, function.paths)
    if any(_replaces(one, packages, function) for one in role.resources):
        return False
    words = [word.rpartition("/")[2] for word in (*function.command, *function.packages)]
    names = _INTERPRETERS.get(packages.ecosystem, (packages.ecosystem,))
    return any(word.startswith(names) for word in words)


def _replaces(resource: Resource, packages: LanguagePackages, function: Function) -> bool:
    """Whether a resource is an environment of a function in which those of the whole system are not seen."""
    if not isinstance(resource, LanguagePackages) or not resource.environment or resource.system_packages:
        return False
    return resource.ecosystem == packages.ecosystem and within(resource.environment, function.paths)


def _accounts(role: Role, function: Function, mine: Sequence[Resource]) -> list[Resource]:
    """Return the accounts that run the function or own what it has, with their groups."""
    users, groups = {function.user}, set[str]()
    for one in mine:
        if isinstance(one, Owned | Link | StatOverride | Rights | Checkout):
            users.add(one.user)
            groups.add(one.group)
        elif isinstance(one, Archive):
            for user, group in owners(one):
                users.add(user)
                groups.add(group)
        elif isinstance(one, LanguagePackages):
            users.add(one.user)
    members = [one for one in role.resources if isinstance(one, Membership) and one.user in users]
    groups |= {group for one in members for group in one.groups}
    found = [one for one in role.resources if isinstance(one, User) and one.name in users]
    groups |= {one.group for one in found}
    own = [one for one in role.resources if isinstance(one, Group) and one.name in groups]
    return [*own, *found, *members]


def owners(archive: Archive) -> Collection[tuple[str, str]]:
    """Return the names of users and groups in an archive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.data)) as opened:
            return {(member.uname, member.gname) for member in opened}
    except (tarfile.TarError, OSError, EOFError):
        return ()


def within(path: str, tops: Collection[str]) -> bool:
    """Whether a path is one of `tops` or below one."""
    return any(path == top or path.startswith(f"{top.rstrip('/')}/") for top in tops)


def _impossible(resource: Resource) -> str:
    """Return why no image can hold a resource, whatever it is for; "" if one can."""
    if isinstance(resource, Service):
        return "an image has no init: a function's command is what its container runs"
    if isinstance(resource, Refresh):
        return "an image reads the lists anew of itself, when it installs packages"
    if isinstance(resource, Special) and resource.kind != "p":
        return "devices are given to a container by its engine"
    if isinstance(resource, Lines):
        known = _place(resource.path) if resource.path in (*_ENGINES, "/etc/fstab") else ""
        return known or ("" if is_path(resource.path) else "its path is none that a Containerfile can say")
    if isinstance(resource, Package | PackageFile):
        return _no_package(resource)
    if isinstance(resource, LanguagePackages):
        return _no_language(resource)
    if isinstance(resource, Checkout) and resource.kind != "git":
        return f"driftscan does not know how a working copy of {resource.kind} is made in an image"
    if isinstance(resource, Group | User | Membership | Owned | Link | StatOverride | Rights):
        names = (getattr(resource, one, "") for one in ("user", "group", "name"))
        return "an account of it is none that a Containerfile can say" if not all(map(_is_account, names)) else ""
    return _IN_NO_LAYER.get(type(resource), "")


def _is_account(name: str) -> bool:
    return not name or is_name(name)


def _no_package(resource: Package | PackageFile) -> str:
    if not is_package(resource.name, resource.version):
        return "its name or version is none that a Containerfile can say"
    if isinstance(resource, Package) and not is_package(f"a{resource.architecture}"):
        return "its architecture is none that a Containerfile can say"
    return (
        "its version is not known" if isinstance(resource, Package) and resource.exact and not resource.version else ""
    )


def _no_language(resource: LanguagePackages) -> str:
    if not resource.environment and resource.user != "root":
        return "packages that a user has installed for itself are in no place that a service looks at"
    if resource.ecosystem not in _INTERPRETERS:
        return f"driftscan does not know how packages of {resource.ecosystem} are installed in an image"
    return ""


def _place(path: str) -> str:
    return next((reason for tops, reason in _PLACES if path.startswith(tops)), "")


def reason(resource: Resource) -> str:
    """Return why a resource is in no image."""
    known = _impossible(resource)
    if known:
        return known
    if isinstance(resource, Group | User | Membership):
        return "no function runs as it or has files of it, and nobody logs in to an image"
    if isinstance(resource, Package | PackageFile | Refresh):
        return "no function of this host needs it, as far as can be told"
    path = getattr(resource, "path", None)
    told = _place(path) if isinstance(path, str) else ""
    return told or "it belongs to no function, as far as can be told"


def missing(chosen: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Yield accounts that are in an image, each with what of it is not."""
    for one in chosen:
        if isinstance(one, User) and one.password is not None:
            yield one, "the account is in an image, its password is not: nobody logs in to one"
        if isinstance(one, User) and has_control(one.gecos):
            yield one, "the account is in an image, its name in words is not: no tool takes control characters there"
