"""Resources as commands that are run while an image is built, grouped as a person would write them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from driftscan.emit._dockerfile_context import REST, Context, packed, rest
from driftscan.emit._dockerfile_words import has_control, is_package, is_quotable, quoted
from driftscan.model.text import raw
from driftscan.role.model import Function
from driftscan.role.resources import (
    Absent,
    Alternative,
    Archive,
    Capabilities,
    Checkout,
    Diversion,
    Group,
    LanguagePackages,
    Lines,
    Membership,
    Package,
    PackageFile,
    Resource,
    Rights,
    StatOverride,
    User,
)

_Kind = TypeVar("_Kind", bound=Resource)
MOUNT = "--mount=type=bind,source=payload,target=/driftscan"
_AT_LEAST = {"rpm": " >= ", "apk": ">=", "pacman": ">="}
_TOOLS = {  # packages of what the commands below need
    "pip": {"dpkg": "python3-pip", "rpm": "python3-pip", "apk": "py3-pip", "pacman": "python-pip"},
    "venv": {"dpkg": "python3-venv", "rpm": "python3", "apk": "python3", "pacman": "python"},
    "npm": {"dpkg": "npm", "rpm": "npm", "apk": "npm", "pacman": "npm"},
    "gem": {"dpkg": "ruby", "rpm": "rubygems", "apk": "ruby", "pacman": "ruby"},
    "setcap": {"dpkg": "libcap2-bin", "rpm": "libcap", "apk": "libcap", "pacman": "libcap"},
    "git": dict.fromkeys(("dpkg", "rpm", "apk", "pacman"), "git"),
}


class Steps:
    """Spells commands for one image; what is not plain in them is read from files of its context."""

    def __init__(self, context: Context, manager: str) -> None:
        self._context = context
        self._manager = manager

    def line(self, *argv: str) -> str:
        """Return a command as a line of RUN."""
        if all(map(is_quotable, argv)):
            return " ".join(map(quoted, argv))
        program, rest_of_it = (quoted(argv[0]), argv[1:]) if is_quotable(argv[0]) else ("sh -c '\"$@\"' sh", argv)
        told = b"".join(raw(word) + b"\0" for word in rest_of_it)
        return f"xargs -0 {program} <{self._context.argument(told)}"

    def accounts(self, resources: Iterable[Resource]) -> Iterator[str]:
        """Yield what makes groups and users."""
        for one in resources:
            if isinstance(one, Group):
                yield self.line(*(_group_busybox(one) if self._manager == "apk" else _group(one)))
            elif isinstance(one, User):
                yield self.line(*(_user_busybox(one) if self._manager == "apk" else _user(one)))

    def members(self, resources: Iterable[Resource]) -> Iterator[str]:
        """Yield what adds users to the groups that they are in besides their own."""
        for one in resources:
            if isinstance(one, Membership) and self._manager == "apk":
                yield from (self.line("addgroup", one.user, group) for group in one.groups)
            elif isinstance(one, Membership):
                yield self.line("usermod", "--append", "--groups", ",".join(one.groups), one.user)

    def packages(self, function: Function, resources: Sequence[Resource]) -> tuple[str, ...]:
        """Return the packages to install: of the function, and those of the tools that its resources are made with."""
        local = {one.name: self._context.payload(one.file, one.data) for one in _of(resources, PackageFile)}
        exact = {one.name: one for one in _of(resources, Package)}
        tools = {tool for one in resources for tool in _tools(one)}
        names = {
            *filter(is_package, function.packages),
            *(name for tool in tools if (name := _TOOLS[tool].get(self._manager))),
        }
        return tuple(local.get(name) or self._versioned(name, exact.get(name)) for name in sorted(names))

    def _versioned(self, name: str, package: Package | None) -> str:
        foreign = f":{package.architecture}" if package and package.architecture and self._manager == "dpkg" else ""
        if package is None or not package.version:
            return name + foreign
        if not package.exact:
            return name + foreign if self._manager == "dpkg" else f"{name}{_AT_LEAST[self._manager]}{package.version}"
        return f"{name}{foreign}{'-' if self._manager == 'rpm' else '='}{package.version}"

    def at_least(self, resources: Iterable[Resource]) -> Iterator[str]:
        """Yield what makes sure that packages are new enough, where the command that installs them cannot say so."""
        for one in _of(resources, Package):
            if self._manager == "dpkg" and one.version and not one.exact:
                wanted = f"{one.name} (>= {one.version})"
                yield self.line("apt-get", "satisfy", "-y", "--no-install-recommends", wanted)

    def overrides(self, resources: Iterable[Resource]) -> Iterator[str]:
        """Yield what dpkg is told to have otherwise."""
        for one in resources:
            if isinstance(one, Diversion):
                yield self.line("dpkg-divert", "--local", "--rename", "--divert", one.to, "--add", one.path)
            elif isinstance(one, StatOverride):
                yield self.line("dpkg-statoverride", "--update", "--add", one.user, one.group, one.mode, one.path)

    def files(self, resources: Sequence[Resource], user: str) -> Iterator[str]:
        """Yield what lays out checkouts, archives, the rest, runtime directories, added lines, and takes away."""
        for one in resources:
            if isinstance(one, Absent):
                yield self.line("rm", "-rf", one.path)
            elif isinstance(one, Checkout):
                yield self.line("git", "clone", "--quiet", one.remote, one.path)
                yield self.line("git", "-C", one.path, "checkout", "--quiet", one.commit)
                yield self.line("chown", "-R", f"{one.user}:{one.group}", one.path)
            elif isinstance(one, Archive):
                yield self.line("mkdir", "-p", one.path)
                yield self.line("tar", "-xzpf", self._context.payload(one.name, one.data), "-C", one.path)
        if others := packed(resources):
            name = self._context.payload(REST, rest(others, user, self._context.moment))
            yield self.line("tar", "-xpf", name, "-C", "/")
        for one in _of(resources, Lines):
            said = self._context.argument(b"".join(raw(line) + b"\n" for line in one.lines))
            yield f"tee -a {quoted(one.path)} <{said} >/dev/null"

    def languages(self, resources: Iterable[Resource]) -> Iterator[str]:
        """Yield what installs packages of languages."""
        for one in _of(resources, LanguagePackages):
            yield from self._language(one)

    def _language(self, one: LanguagePackages) -> Iterator[str]:
        if one.ecosystem == "pip":
            pip: tuple[str, ...] = ("env", "PIP_BREAK_SYSTEM_PACKAGES=1", "PIP_ROOT_USER_ACTION=ignore", "pip3")
            if one.environment:
                shared = ("--system-site-packages",) if one.system_packages else ()
                yield self.line(one.interpreter or "python3", "-m", "venv", *shared, one.environment)
                pip = (f"{one.environment}/bin/pip",)
            yield self.line(
                *pip, "install", "--no-cache-dir", *(f"{name}=={version}" for name, version in one.packages)
            )
        elif one.ecosystem == "npm":
            where = ("--prefix", one.environment) if one.environment else ("-g",)
            named = (f"{name}@{version}" for name, version in one.packages)
            yield self.line("npm", "install", *where, "--no-audit", "--no-fund", *named)
        elif one.ecosystem == "gem":
            for name, version in one.packages:
                yield self.line("gem", "install", "--no-document", name, "--version", version)
        if one.environment and one.user != "root":
            yield self.line("chown", "-R", one.user, one.environment)

    def rights(self, resources: Iterable[Resource]) -> Iterator[str]:
        """Yield alternatives, owners, modes and capabilities."""
        for one in resources:
            if isinstance(one, Alternative):
                if one.by_hand:
                    install = ("--install", one.link, one.name, one.value, str(one.priority))
                    yield self.line("update-alternatives", *install)
                if one.manual:
                    yield self.line("update-alternatives", "--set", one.name, one.value)
            elif isinstance(one, Rights):
                if one.user or one.group:
                    yield self.line("chown", f"{one.user}:{one.group}" if one.group else one.user, one.path)
                if one.mode:
                    yield self.line("chmod", one.mode, one.path)
            elif isinstance(one, Capabilities):
                yield self.line("setcap", one.value, one.path)


def _of(resources: Iterable[Resource], kind: type[_Kind]) -> list[_Kind]:
    return [one for one in resources if isinstance(one, kind)]


def _tools(one: Resource) -> tuple[str, ...]:
    if isinstance(one, LanguagePackages):
        return ("venv",) if one.ecosystem == "pip" and one.environment else (one.ecosystem,)
    return ("setcap",) if isinstance(one, Capabilities) else ("git",) if isinstance(one, Checkout) else ()


def _group(one: Group) -> list[str]:
    number = [] if one.gid is None else ["--gid", str(one.gid)]
    return ["groupadd", *(["--system"] if one.system else []), *number, one.name]


def _user(one: User) -> list[str]:
    return [
        "useradd",
        "--no-log-init",
        *(["--system"] if one.system else []),
        *([] if one.uid is None else ["--uid", str(one.uid)]),
        *(["--non-unique"] if one.shared_uid else []),
        *(["--gid", one.group] if one.group else []),
        *(["--comment", one.gecos] if one.gecos and not has_control(one.gecos) else []),
        *(["--home-dir", one.home] if one.home else []),
        "--create-home" if one.make_home else "--no-create-home",
        *(["--shell", one.shell] if one.shell else []),
        one.name,
    ]


def _group_busybox(one: Group) -> list[str]:
    number = [] if one.gid is None else ["-g", str(one.gid)]
    return ["addgroup", *(["-S"] if one.system else []), *number, one.name]


def _user_busybox(one: User) -> list[str]:
    return [
        "adduser",
        "-D",
        *(["-S"] if one.system else []),
        *([] if one.uid is None else ["-u", str(one.uid)]),
        *(["-G", one.group] if one.group else []),
        *(["-g", one.gecos] if one.gecos and not has_control(one.gecos) else []),
        *(["-h", one.home] if one.home else []),
        *([] if one.make_home else ["-H"]),
        *(["-s", one.shell] if one.shell else []),
        one.name,
    ]
