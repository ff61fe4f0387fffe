"""One image: its Containerfile, and all that lies beside it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from driftscan.emit._dockerfile_choice import Chosen
from driftscan.emit._dockerfile_context import Context, copies
from driftscan.emit._dockerfile_start import HOME, Start
from driftscan.emit._dockerfile_steps import MOUNT, Steps
from driftscan.emit._dockerfile_words import is_path, listed, plain, quoted
from driftscan.model.text import shown
from driftscan.role.model import Function, Role
from driftscan.role.resources import Archive, File, Package, PackageFile, Resource, Stage

_CODENAMED = {"debian": "debian:{codename}-slim", "ubuntu": "ubuntu:{version}"}
_BASES = {  # by the release's id; of the version as many parts as the image's name has
    "almalinux": ("almalinux", 1),
    "alpine": ("alpine", 2),
    "amzn": ("amazonlinux", 1),
    "arch": ("archlinux:base", 0),
    "centos": ("quay.io/centos/centos:stream", 1),
    "fedora": ("fedora", 1),
    "ol": ("oraclelinux", 1),
    "rhel": ("registry.access.redhat.com/ubi", 1),
    "rocky": ("rockylinux", 1),
}
_UNPINNED = {"dpkg": "DL3008", "rpm": "DL3041", "apk": "DL3018"}
_NEWEST = "the distribution's fixes are wanted, and it keeps no older versions"
_INSTALL: Mapping[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {  # before, the command, after
    "dpkg": (
        ("apt-get update",),
        "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends",
        ("rm -rf /var/lib/apt/lists/*",),
    ),
    "rpm": ((), "dnf install -y --setopt=install_weak_deps=False", ("dnf clean all",)),
    "apk": ((), "apk add --no-cache", ()),
    "pacman": (("pacman -Sy --noconfirm",), "pacman -S --noconfirm --needed", ("rm -rf /var/cache/pacman/pkg/*",)),
}
_STANDARD = frozenset({"", "/", "/etc", "/home", "/opt", "/srv", "/usr", "/var", "/var/lib", "/var/log", "/root"})


def base(role: Role) -> str:
    """Return the image that a stock install of the role's release is; "" where none is known."""
    has = role.release
    name, version = has.get("id", "").lower(), has.get("version", "")
    if name in _CODENAMED:
        found = _CODENAMED[name].format(codename=has.get("codename", ""), version=version)
        return found if ":-" not in found and not found.endswith(":") and is_path(f"/{found}") else ""
    image, parts = _BASES.get(name, ("", 0))
    if not parts:
        return image
    number = ".".join(version.split(".")[:parts])
    joined = "" if image.endswith(("stream", "ubi")) else ":"
    return f"{image}{joined}{number}" if number and is_path(f"/{number}") else ""


def image(role: Role, chosen: Chosen) -> dict[str, bytes]:
    """Return the files of one image by their path below its directory."""
    context = Context(int(role.taken.timestamp()))
    start = Start(chosen.function, chosen.resources, frozenset(one.variable for one in role.secrets))
    for name, data in start.files().items():
        context.files[f"start/{name}"] = data
    lines = [*_head(role, chosen), *_layers(role, chosen, context), *_tail(chosen, start)]
    return {"Containerfile": ("\n".join(lines) + "\n").encode(), **context.files}


def _head(role: Role, chosen: Chosen) -> Iterator[str]:
    function = chosen.function
    stock = base(role)
    started = f", which {shown(function.starts)} starts" if function.starts else ""
    yield f"# Written by driftscan: {function.name} of {shown(role.host)}{started} there."
    if not stock:
        release = " ".join(filter(None, (role.release.get("id", ""), role.release.get("version", ""))))
        yield f"# No image is known for the release {shown(release) or 'of the host'}: give one by --build-arg BASE=."
    yield f"ARG BASE{'=' * bool(stock)}{stock}"
    yield "FROM ${BASE}"
    yield f'LABEL org.opencontainers.image.title="{function.name}" \\'
    yield f'      org.opencontainers.image.created="{role.taken:%Y-%m-%dT%H:%M:%SZ}" \\'
    yield f'      driftscan.host="{plain(role.host)}"'


def _layers(role: Role, chosen: Chosen, context: Context) -> Iterator[str]:
    steps = Steps(context, role.manager)
    early = [one for one in chosen.resources if one.when <= Stage.REPOSITORIES]
    late = [one for one in chosen.resources if one.when > Stage.REPOSITORIES]
    yield from _run("Accounts, by their numbers on the host", steps.accounts(chosen.resources))
    yield from _laid("Where packages come from", steps, context, early, "root")
    yield from _installed(role, chosen, steps)
    yield from _run("Groups that users are in, and what dpkg has otherwise", [
        *steps.members(chosen.resources), *steps.overrides(chosen.resources)])  # fmt: skip
    yield from _laid("Files", steps, context, late, chosen.function.user)
    yield from _run("Directories that the start of the unit makes", _runtime(chosen))
    yield from _run("Packages of languages", steps.languages(chosen.resources))
    yield from _run("Alternatives and rights", steps.rights(chosen.resources))


def _laid(title: str, steps: Steps, context: Context, resources: Sequence[Resource], user: str) -> Iterator[str]:
    """Yield what makes files: those that can be read by people one by one, then what commands make."""
    copied = [one for one in copies(resources) if isinstance(one, File)]
    commands = list(steps.files(resources, user))
    if copied or commands:
        yield ""
        yield f"# {title}"
    yield from _written_later(resources, user)
    yield from _run("", commands, resources)
    for one in copied:
        rights = f"--chown={one.user}:{one.group} --chmod={one.mode}"
        yield f"COPY {rights} {context.copied(one)} {one.path}"


def _written_later(resources: Sequence[Resource], user: str) -> Iterator[str]:
    """Yield which files have another owner than on the host, for whoever starts the service writes their secrets."""
    for one in resources:
        secret = isinstance(one, File) and one.content is not None and one.content.variables
        if isinstance(one, File) and secret and user not in {"root", one.user}:
            yield f"# {shown(one.path)}, {one.user}'s on the host, is {user}'s: it is written when a container starts."


def _run(title: str, commands: Iterable[str], resources: Sequence[Resource] = ()) -> Iterator[str]:
    """Yield one RUN of all commands; `resources` are told where archives hold them."""
    told = list(commands)
    if not told:
        return
    if title:
        yield ""
        yield f"# {title}"
    for one in resources:
        if isinstance(one, Archive):
            yield f"# {shown(one.path)}: {len(one.members)} paths, in {one.name}"
    mount = f"{MOUNT} \\\n    " if any("/driftscan/" in line for line in told) else ""
    yield f"RUN {mount}" + " && \\\n    ".join(told)


def _installed(role: Role, chosen: Chosen, steps: Steps) -> Iterator[str]:
    packages = steps.packages(chosen.function, chosen.resources)
    if not packages or role.manager not in _INSTALL:
        return
    before, install, after = _INSTALL[role.manager]
    yield ""
    yield "# Packages"
    asked = [one for one in chosen.resources if isinstance(one, Package | PackageFile)]
    stock = sorted(set(chosen.function.packages) - {one.name for one in asked})
    held = [one.name for one in asked if one.hold]
    yield from [f"# Of a stock install: {', '.join(map(shown, stock))}."] if stock else []
    yield from [f"# Held on the host, where an image is built anew: {', '.join(map(shown, held))}."] if held else []
    unpinned = any("=" not in name and not name.startswith("/") for name in packages)
    if unpinned and role.manager in _UNPINNED:
        yield f"# No versions: {_NEWEST}."
        yield f"# hadolint ignore={_UNPINNED[role.manager]}"
    commands = [f"{install} \\\n      " + " \\\n      ".join(map(quoted, packages))]
    commands += steps.at_least(chosen.resources)
    mount = f"{MOUNT} \\\n    " if any("/driftscan/" in command for command in commands) else ""
    yield f"RUN {mount}" + " && \\\n    ".join((*before, *commands, *after))


def _runtime(chosen: Chosen) -> Iterator[str]:
    for path in chosen.function.paths:
        if path.startswith("/run/") and is_path(path):
            yield f"install -d -o {chosen.function.user} {path}"


def _tail(chosen: Chosen, start: Start) -> Iterator[str]:
    function = chosen.function
    yield ""
    yield "# What runs"
    if start.needed:
        yield f"COPY --chown={function.user} --chmod=0500 start {HOME}"
    for name, value in start.environment:
        yield f'ENV {name}="{value}"'
    yield from (f"EXPOSE {port}" for port in function.ports)
    volumes = volumes_of(function)
    if volumes:
        yield f"VOLUME {listed(volumes)}"
    if function.directory and is_path(function.directory):
        yield f"WORKDIR {function.directory}"
    if function.user != "root":
        yield "# By its name, so that it is in its groups."
        yield "# hadolint ignore=DL3066"
        yield f"USER {function.user}"
    if start.needed:
        yield f"ENTRYPOINT {listed((f'{HOME}/start',))}"
    if start.command:
        yield f"CMD {listed(start.command)}"


def volumes_of(function: Function) -> list[str]:
    """Return the directories of data that a volume can be put on."""
    return [path for path in function.data if path not in _STANDARD and is_path(path)]
