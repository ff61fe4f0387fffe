"""Software and services as lines of the script: packages, those of languages, working copies, what is started."""

import re

from driftscan.emit import _shell_library as library
from driftscan.emit._shell_spell import SAFE, Spelled, absolute, command, plain, spelled
from driftscan.emit._shell_words import CannotSayError
from driftscan.emit.base import Output
from driftscan.role import resources as kinds

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:^-]*")
_REVISION = re.compile(r"[0-9a-f]{1,64}")
_LANGUAGE_PACKAGE = re.compile(r"[A-Za-z0-9@_][A-Za-z0-9@/._-]*")
__all__ = ["spelled"]  # with these kinds too


def _managed(manager: str, role_manager: str) -> None:
    if manager not in library.MANAGERS:
        raise CannotSayError(f"the script does not know how packages of {manager or 'this manager'} are installed")
    if manager != role_manager:
        raise CannotSayError(f"packages of this host are installed by {role_manager or 'another manager'}")


@spelled.register
def _refresh(one: kinds.Refresh, manager: str) -> Spelled:
    _managed(one.manager, manager)
    return Spelled(())  # `install` does it, and only where something is missing


@spelled.register
def _package(one: kinds.Package, manager: str) -> Spelled:
    _managed(one.manager, manager)
    name = plain(one.name, _PACKAGE, "name of a package")
    if one.architecture:
        architecture = plain(one.architecture, SAFE, "architecture")
        name += f"{':' if manager == 'dpkg' else '.'}{architecture}"
    words = [name]
    if one.version:
        words += ["exactly" if one.exact else "at-least", plain(one.version, _VERSION, "version")]
    late, lacks = _held(name, manager) if one.hold else ((), "")
    return Spelled((command("package", *words),), late=late, lacks=lacks)


@spelled.register
def _package_file(one: kinds.PackageFile, manager: str) -> Spelled:
    _managed(one.manager, manager)
    name = plain(one.name, _PACKAGE, "name of a package")
    place = f"files/packages/{plain(one.file, SAFE, 'name of a package file')}"
    late, lacks = _held(name, manager) if one.hold else ((), "")
    line = command("package_file", name, plain(one.version, _VERSION, "version"), place)
    return Spelled((line,), late=late, outputs={place: Output(one.data)}, lacks=lacks)


def _held(name: str, manager: str) -> tuple[tuple[str, ...], str]:
    if manager == "dpkg":
        return (command("hold", name),), ""
    return (), f"{manager} holds packages by its configuration only: the package is installed, its hold is not set"


@spelled.register
def _checkout(one: kinds.Checkout, _manager: str) -> Spelled:
    if one.kind not in ("git", "hg", "svn"):
        raise CannotSayError("the script knows working copies of git, hg and svn only")
    commit = plain(one.commit, _REVISION, "commit")
    words = (absolute(one.path), one.remote, commit, one.branch, one.user, one.group)
    if one.remote.startswith("-") or one.branch.startswith("-") or not one.remote:
        raise CannotSayError(f"{one.kind} takes no such remote or branch")
    return Spelled((command(f"checkout_{one.kind}", *words),), tools=(one.kind,), below=one.path)


@spelled.register
def _language_packages(one: kinds.LanguagePackages, _manager: str) -> Spelled:
    for name, version in one.packages:
        plain(name, _LANGUAGE_PACKAGE, "name of a package")
        plain(version, _VERSION, "version")
    tools = () if one.user == "root" else ("runuser",)
    environment = absolute(one.environment) if one.environment else ""
    if one.ecosystem == "pip":
        return _pip(one, environment, tools)
    if one.ecosystem == "npm":
        packages = (f"{name}@{version}" for name, version in one.packages)
        line = command("npm_packages", one.user, environment, *packages)
        return Spelled((line,), tools=("npm", *tools), below=environment)
    if one.ecosystem == "gem":
        commands = tuple(command("gem_package", one.user, environment, *package) for package in one.packages)
        return Spelled(commands, tools=("gem", *tools), below=environment)
    raise CannotSayError("the script installs packages of pip, npm and gem only")


def _pip(one: kinds.LanguagePackages, environment: str, tools: tuple[str, ...]) -> Spelled:
    interpreter = one.interpreter or "python3"
    if interpreter.startswith("-"):
        raise CannotSayError("its interpreter is no program")
    packages = [f"{name}=={version}" for name, version in one.packages]
    if not environment:
        return Spelled((command("pip", one.user, interpreter, *packages),), tools=("python3", *tools))
    mark = "system" if one.system_packages else ""
    return Spelled(
        (
            command("environment", environment, interpreter, one.user, mark),
            command("pip", one.user, f"{environment}/bin/python", *packages),
        ),
        tools=("python3", *tools),
        below=environment,
    )


@spelled.register
def _service(one: kinds.Service, _manager: str) -> Spelled:
    if not one.name or "/" in one.name or one.name.startswith("-"):
        raise CannotSayError("this is no name of a service")
    installed = {True: "enabled", False: "disabled", None: ""}[one.enabled]
    runs = {True: "active", False: "inactive", None: ""}[one.active]
    if one.masked:
        installed, runs = "masked", ""
    if one.manager == "systemd":
        return Spelled((command("service", one.name, installed, runs),))
    if one.manager != "sysv" or one.masked:
        raise CannotSayError("only systemd masks, and only its services and init scripts are known")
    return Spelled((command("script", one.name, installed, runs),))
