"""What Ansible cannot be told, by name: never written in a way that does something else."""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import date

from driftscan.emit._ansible_places import unkept
from driftscan.model.text import raw
from driftscan.role.resources import (
    Acl,
    Alternative,
    Capabilities,
    Checkout,
    Diversion,
    Group,
    LanguagePackages,
    Lines,
    Membership,
    Package,
    PackageFile,
    Refresh,
    Resource,
    Service,
    StatOverride,
    User,
    Xattr,
)

_MANAGERS = ("dpkg", "rpm", "pacman", "apk")
_ECOSYSTEMS = ("pip", "npm", "gem")
_ACCOUNT = re.compile(r"[^-+~$:/\s,][^$:/\s,]*\$?")
_PACKAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9+._-]*", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~:^_-]*", re.ASCII)
_LANGUAGE = re.compile(r"@?[A-Za-z0-9_][A-Za-z0-9._/-]*", re.ASCII)
_LANGUAGE_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*", re.ASCII)
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]+")


def refusal(resource: Resource) -> str:
    """Return why a resource is not written at all, in one clause; "" where it is."""
    if any(raw(value) != value.encode() for value in _texts(resource)):
        return "a name in it is not UTF-8, and Ansible is told in text"
    check = _CHECKS.get(type(resource))
    return (check(resource) if check else "") or unkept(resource)


def loss(resource: Resource) -> str:
    """Return what of a resource that is written is lost, in one clause; "" where nothing is."""
    if isinstance(resource, (Package, PackageFile)) and resource.hold and resource.manager != "dpkg":
        return f"it is installed but not held: Ansible has no module that holds packages of {resource.manager}"
    if isinstance(resource, User) and resource.gecos.startswith("~"):
        return "it is made without its comment, whose tilde Ansible would expand"
    return ""


def _texts(resource: Resource) -> Iterator[str]:
    for one in fields(resource):
        if one.name not in ("why", "notify", "content", "members", "password"):
            yield from _flat(getattr(resource, one.name))


def _flat(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _flat(one)


def _unless(condition: object, reason: str) -> str:
    return "" if condition else reason


def _account(one: User | Group) -> str:
    return _unless(_ACCOUNT.fullmatch(one.name), "no account can have this name")


def _user(one: User) -> str:
    try:
        date.fromisoformat(one.expires or "1970-01-01")
    except ValueError:
        return "the day that the account ends on is none"
    return _account(one)


def _membership(one: Membership) -> str:
    return _unless(all(map(_ACCOUNT.fullmatch, (one.user, *one.groups))), "no account can have this name")


def _package(one: Package | PackageFile) -> str:
    known = _MANAGERS if isinstance(one, Package) else ("dpkg", "rpm")
    if one.manager not in known:
        return f"Ansible is not told how {one.manager} installs this"
    named = _PACKAGE.fullmatch(one.name) and (not one.version or _VERSION.fullmatch(one.version))
    return _unless(named, "no package can have this name or version")


def _refresh(one: Refresh) -> str:
    return _unless(one.manager in _MANAGERS, f"Ansible is not told how {one.manager} reads its lists")


def _override(one: Diversion | StatOverride) -> str:
    return _unless(not any("\n" in value for value in _texts(one)), "dpkg takes no path with a line end in it")


def _alternative(one: Alternative) -> str:
    fine = all(value and "\n" not in value for value in (one.name, one.link, one.value)) and not one.name.startswith(
        "-"
    )
    return _unless(fine, "update-alternatives takes no such name")


def _lines(one: Lines) -> str:
    fine = all(not set(line) & {"\n", "\r"} for line in one.lines)
    return _unless(fine, "a line of it has a line end within")


def _language(one: LanguagePackages) -> str:
    if one.ecosystem not in _ECOSYSTEMS:
        return f"Ansible has no module for {one.ecosystem}"
    named = all(_LANGUAGE.fullmatch(name) and _LANGUAGE_VERSION.fullmatch(version) for name, version in one.packages)
    return _unless(named, f"{one.ecosystem} takes no such name or version") or _unless(
        _ACCOUNT.fullmatch(one.user), "no account can have this name"
    )


def _checkout(one: Checkout) -> str:
    if one.kind not in ("git", "hg", "svn"):
        return f"Ansible has no module for {one.kind}"
    if "$" in one.path:
        return "Ansible expands variables in the path of a checkout, and this one has a dollar sign"
    if "$" in one.remote + one.branch:
        return "Ansible expands variables in the address and branch of a checkout, and there is a dollar sign"
    known = bool(_COMMIT.fullmatch(one.commit) and one.remote) and not one.remote.startswith(("-", "~"))
    fine = known and not one.branch.startswith(("-", "~")) and _ACCOUNT.fullmatch(one.user)
    return _unless(fine, f"{one.kind} would not take its address, branch or commit for one")


def _service(one: Service) -> str:
    if one.manager not in ("systemd", "sysv"):
        return f"Ansible is not told how {one.manager} starts services"
    return _unless(_UNIT.fullmatch(one.name), "no unit can have this name")


def _acl(one: Acl) -> str:
    return _unless(not any("," in entry or "\n" in entry for entry in one.entries), "setfacl takes no such name")


def _capabilities(one: Capabilities) -> str:
    return _unless(one.value and not one.value.startswith("-"), "setcap takes no such value")


def _xattr(one: Xattr) -> str:
    return _unless("." in one.name and "\n" not in one.name, "setfattr takes no such name")


_CHECKS: dict[type[Resource], Callable[..., str]] = {
    User: _user,
    Group: _account,
    Membership: _membership,
    Package: _package,
    PackageFile: _package,
    Refresh: _refresh,
    Diversion: _override,
    StatOverride: _override,
    Alternative: _alternative,
    Lines: _lines,
    LanguagePackages: _language,
    Checkout: _checkout,
    Service: _service,
    Acl: _acl,
    Capabilities: _capabilities,
    Xattr: _xattr,
}
