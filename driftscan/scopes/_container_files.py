"""Files in which runtimes of containers and machines keep what they have, and what each of them tells."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from xml.parsers import expat

from driftscan.model.redaction import redact, redact_argv
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import text

FILES = "storage"  # the probe that shows them
_MOST = 400  # files that are read, and things that one file tells of
_SIZE_LIMIT = 1 << 20
SOUGHT = Sought(
    frozenset(b"config.v2.json repositories.json containers.json volatile-containers.json images.json config".split()),
    (b".nspawn", b".container"),
)
_LIBVIRT = b"/etc/libvirt/qemu"  # by its place: every other host has files that end with .xml by the thousand


class Machine(NamedTuple):
    """One container, image, volume or machine; the columns of the scope's items."""

    runtime: str
    kind: str
    name: str
    image: str = ""
    state: str | None = None
    command: str = ""
    ports: str = ""
    mounts: Sequence[str] = ()
    created: str | None = None
    storage: str = ""


_Reader = Callable[[bytes, bytes], Sequence[Machine]]  # path, content; raises ValueError on what it cannot understand


def files_to_read(snapshot: Snapshot) -> list[bytes]:
    """Return the files of `snapshot` that tell of containers."""
    found = (*snapshot.search.named(*SOUGHT), *snapshot.directories.list(_LIBVIRT).values())
    paths = [entry.path for entry in found if entry.kind == "f" and entry.size <= _SIZE_LIMIT and _reader(entry.path)]
    return sorted(paths)[:_MOST]


def tells(path: bytes) -> bool:
    """Whether what is at `path` may tell of a container or machine: a file that is read, or a directory of its own."""
    return _reader(path) is not None or path.rpartition(b"/")[0] in {top for top, _, _ in _TOPS}


def read(path: bytes, data: bytes) -> Sequence[Machine] | None:
    """Return what the file at `path` tells of; None when it is not understood."""
    reader = _reader(path)
    try:
        return reader(path, data) if reader is not None else ()
    except (ValueError, RecursionError, expat.ExpatError):
        return None


def machines_in_tree(snapshot: Snapshot) -> Iterator[Machine]:
    """Yield what is a directory, or a disk, of its own: machines of nspawn, lxd and incus, volumes of docker and podman."""
    directories = snapshot.directories
    for top, runtime, kind in _TOPS:
        for name, entry in directories.list(top).items():
            if entry.kind not in "dl" and not name.endswith(b".raw"):
                continue
            if not name.startswith(b".") and (kind != "volume" or entry.kind == "d"):
                shown = text(name.removesuffix(b".raw"))
                yield Machine(runtime, kind, shown, storage=text(entry.path))


_TOPS = (
    (b"/var/lib/machines", "nspawn", "machine"),
    (b"/var/lib/lxd/containers", "lxd", "container"),
    (b"/var/lib/lxd/storage-pools/default/containers", "lxd", "container"),
    (b"/var/lib/incus/storage-pools/default/containers", "incus", "container"),
    (b"/var/lib/docker/volumes", "docker", "volume"),
    (b"/var/lib/containers/storage/volumes", "podman", "volume"),
)


def _loaded(data: bytes) -> Any:
    return json.loads(data.decode("utf-8", "replace"))


def _docker_container(path: bytes, data: bytes) -> list[Machine]:
    said = _mapping(_loaded(data))
    config, state = _mapping(said.get("Config")), _mapping(said.get("State"))
    words = [said.get("Path"), *_sequence(said.get("Args"))]
    mounts = _mapping(said.get("MountPoints")).values()
    ports = _mapping(_mapping(said.get("NetworkSettings")).get("Ports"))
    running = "paused" if state.get("Paused") else "running" if state.get("Running") else "exited"
    never = str(state.get("StartedAt") or "").startswith("0001-") and running == "exited"
    return [
        Machine(
            "docker",
            "container",
            _word(said.get("Name")).lstrip("/") or _word(said.get("ID"))[:12],
            image=_word(config.get("Image")),
            state="created" if never else running,
            command=" ".join(redact_argv([_word(word) for word in words if isinstance(word, str)]))[:2000],
            ports=", ".join(sorted(_docker_ports(ports))),
            mounts=sorted({source for one in mounts if (source := _word(_mapping(one).get("Source")))}),
            created=_second(said.get("Created")),
            storage=text(path.rpartition(b"/")[0]),
        )
    ]


def _docker_ports(ports: Mapping[str, Any]) -> Iterator[str]:
    for inside, bound in ports.items():
        for one in _sequence(bound):
            there = _mapping(one)
            yield f"{_word(there.get('HostIp'))}:{_word(there.get('HostPort'))}->{_word(inside)}"


def _docker_images(path: bytes, data: bytes) -> list[Machine]:
    repositories = _mapping(_mapping(_loaded(data)).get("Repositories"))
    return [
        Machine("docker", "image", _word(tag), image=_word(digest), storage=text(path.rpartition(b"/")[0]))
        for tags in repositories.values()
        for tag, digest in _mapping(tags).items()
        if "@sha256:" not in tag
    ][:_MOST]


def _podman_containers(path: bytes, data: bytes) -> list[Machine]:
    return [
        Machine(
            "podman",
            "container",
            _word((_sequence(one.get("names")) or [one.get("id")])[0]),
            image=_word(_podman_metadata(one).get("image-name")) or _word(one.get("image")),
            created=_second(one.get("created")),
            storage=text(path.rpartition(b"/")[0]) + "/" + _word(one.get("id")),
        )
        for one in map(_mapping, _sequence(_loaded(data))[:_MOST])
        if one.get("id")
    ]


def _podman_metadata(said: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(_word(said.get("metadata")) or "{}"))
    except ValueError:
        return {}


def _podman_images(path: bytes, data: bytes) -> list[Machine]:
    return [
        Machine(
            "podman",
            "image",
            _word((_sequence(one.get("names")) or [one.get("id")])[0]),
            image=_word(one.get("id")),
            created=_second(one.get("created")),
            storage=text(path.rpartition(b"/")[0]) + "/" + _word(one.get("id")),
        )
        for one in map(_mapping, _sequence(_loaded(data))[:_MOST])
        if one.get("id")
    ]


def _lxc(path: bytes, data: bytes) -> list[Machine]:
    settings = _settings(data)
    directory = path.rpartition(b"/")[0]
    mounts = [value.split(" ")[0] for key, value in settings if key == "lxc.mount.entry"]
    root = next((value for key, value in settings if key in {"lxc.rootfs.path", "lxc.rootfs"}), "")
    name = text(directory.rpartition(b"/")[2])
    command = next((redact(value).text for key, value in settings if key == "lxc.init.cmd"), "")
    return [Machine("lxc", "container", name, image=root, command=command, mounts=mounts, storage=text(directory))]


def _nspawn(path: bytes, data: bytes) -> list[Machine]:
    settings = _settings(data)
    mounts = [value.split(":")[0] for key, value in settings if key in {"Bind", "BindReadOnly"}]
    ports = ", ".join(value for key, value in settings if key == "Port")
    name = text(path.rpartition(b"/")[2].removesuffix(b".nspawn"))
    return [Machine("nspawn", "machine", name, ports=ports, mounts=mounts, storage=text(path))]


def _quadlet(path: bytes, data: bytes) -> list[Machine]:
    settings = _settings(data)

    def last(wanted: str) -> str:
        return next((value for key, value in reversed(settings) if key == wanted), "")

    return [
        Machine(
            "podman",
            "container",
            last("ContainerName") or text(path.rpartition(b"/")[2].removesuffix(b".container")),
            image=last("Image"),
            command=redact(last("Exec")).text,
            ports=", ".join(value for key, value in settings if key == "PublishPort"),
            mounts=[value.split(":")[0] for key, value in settings if key == "Volume"],
            storage=text(path),
        )
    ]


def _settings(data: bytes) -> list[tuple[str, str]]:
    lines = [text(line).strip() for line in data.split(b"\n")]
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith(("#", ";"))]
    return [(key.strip(), value.strip()) for key, _, value in pairs][:_MOST]


def _libvirt(path: bytes, data: bytes) -> list[Machine]:
    """Read the description of a machine; entities are refused, and nothing outside of it is fetched."""
    names, disks, open_tags = list[str](), list[str](), list[str]()
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        open_tags.append(tag)
        if tag == "source" and len(open_tags) > 1 and open_tags[-2] in {"disk", "filesystem"}:
            disks.extend(attributes[key] for key in ("file", "dev", "dir") if key in attributes)

    def body(words: str) -> None:
        if open_tags == ["domain", "name"]:
            names.append(words)

    def entity(*_declared: object) -> None:
        raise ValueError("an entity in the description of a machine")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _tag: open_tags.pop()
    parser.CharacterDataHandler = body
    parser.EntityDeclHandler = entity
    parser.Parse(data, True)
    if not names:
        return []
    mounts = sorted({text(disk.encode("utf-8", "surrogatepass")) for disk in disks})
    return [Machine("libvirt", "machine", "".join(names), mounts=mounts, storage=text(path))]


_READERS: tuple[tuple[re.Pattern[bytes], _Reader], ...] = (
    (re.compile(rb".*/containers/[0-9a-f]{64}/config\.v2\.json"), _docker_container),
    (re.compile(rb".*/image/[\w.-]+/repositories\.json"), _docker_images),
    (re.compile(rb".*/storage/[\w-]+-containers/(?:volatile-)?containers\.json"), _podman_containers),
    (re.compile(rb".*/storage/[\w-]+-images/images\.json"), _podman_images),
    (re.compile(rb"(?:/var/lib/lxc|.*/\.local/share/lxc)/[^/]+/config"), _lxc),
    (re.compile(rb"(?:/etc/systemd/nspawn|/var/lib/machines)/[^/]+\.nspawn"), _nspawn),
    (re.compile(rb".*/containers/systemd/(?:[^/]+/)*[^/]+\.container"), _quadlet),
    (re.compile(_LIBVIRT + rb"/[^/]+\.xml"), _libvirt),
)


def _reader(path: bytes) -> _Reader | None:
    return next((reader for pattern, reader in _READERS if pattern.fullmatch(path)), None)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _word(value: Any) -> str:
    return text(value.encode("utf-8", "surrogatepass"))[:1000] if isinstance(value, str) else ""


def _second(value: Any) -> str | None:
    """Return a time as runtimes write it, to the second and in UTC."""
    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z", _word(value))
    return f"{match[1]}Z" if match else None
