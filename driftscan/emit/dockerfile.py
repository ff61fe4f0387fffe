"""The emitter for images: one Containerfile for each thing that the host is for."""

from driftscan.emit import _readme
from driftscan.emit._dockerfile_choice import Chosen, choose, missing, reason
from driftscan.emit._dockerfile_image import base, image, volumes_of
from driftscan.emit._dockerfile_start import Start
from driftscan.emit._dockerfile_words import is_name, is_path, place
from driftscan.emit.base import Emitted, Emitter, Output, Refused
from driftscan.role.model import Function, Role

_SUPPLY = (
    "Each is a file of its name in `/run/secrets`, as `podman run --secret` and `docker compose` put it there; its "
    "bytes are the value. A container ends at once, and names them, where one that it needs is missing."
)
_NOTHING = "# No function of the host could be told apart: there is no image to build."


def emit(role: Role) -> Emitted:
    """Spell a role as images, one for each function; what no image can hold is refused."""
    images = [choose(role, function) for function in role.functions if _can_be_said(function)]
    files: dict[str, Output] = {}
    for chosen in images:
        for path, data in image(role, chosen).items():
            files[f"{chosen.function.name}/{path}"] = Output(data, executable=path == "start/start")
    refused = _refused(role, images)
    files["README.md"] = Output(_readme.readme(role, refused, _how(role, images), _SUPPLY))
    return Emitted(dict(sorted(files.items())), refused)


def _can_be_said(function: Function) -> bool:
    """Whether an image of a function can be written: its account and its name stand in instructions as they are."""
    return bool(function.command) and is_name(function.user) and is_path(f"/{function.name}")


def _refused(role: Role, images: list[Chosen]) -> tuple[Refused, ...]:
    held = {id(one) for chosen in images for one in chosen.resources}
    refused = [Refused(one, reason(one)) for one in role.resources if id(one) not in held]
    kept = [one for one in role.resources if id(one) in held]
    return (*refused, *(Refused(one, why) for one, why in missing(kept)))


def _how(role: Role, images: list[Chosen]) -> list[str]:
    """Return the commands that build and run the images, as one pod: on the host they reach each other locally too."""
    if not images:
        return [_NOTHING]
    tag = f"{role.taken:%Y%m%d}"
    base_of = "" if base(role) else " --build-arg BASE=IMAGE"
    ports = sorted({port for chosen in images for port in chosen.function.ports})
    published = "".join(f" -p {port.partition('/')[0]}:{port}" for port in ports)
    lines = [f"podman build{base_of} -t {one.function.name}:{tag} {one.function.name}" for one in images]
    lines.append("# In a pod they reach each other at 127.0.0.1, as on the host.")
    lines.append(f"podman pod create --name {_pod(role)}{published}")
    known = {secret.variable for secret in role.secrets}
    lines += [f"podman secret create {name} FILE" for name in sorted(known & _needed(role, images))]
    lines += [_run(role, one, tag) for one in images]
    return lines


def _needed(role: Role, images: list[Chosen]) -> set[str]:
    return {name for one in images for name in _secrets(role, one)}


def _secrets(role: Role, chosen: Chosen) -> tuple[str, ...]:
    return Start(chosen.function, chosen.resources, frozenset(one.variable for one in role.secrets)).secrets


def _run(role: Role, chosen: Chosen, tag: str) -> str:
    function = chosen.function
    secrets = "".join(f" --secret {name}" for name in _secrets(role, chosen))
    volumes = "".join(f" -v {path[1:].replace('/', '-')}:{path}" for path in volumes_of(function))
    return f"podman run -d --pod {_pod(role)}{secrets}{volumes} {function.name}:{tag}"


def _pod(role: Role) -> str:
    return place(role.name or role.host).replace("/", "-")


EMITTER = Emitter("dockerfile", "One Containerfile for each function of the host, with what belongs to it", emit)
