"""What an Ansible role says of itself: meta/, defaults/, and how ansible-lint is to read it."""

import re
from collections.abc import Iterator

from driftscan.emit._ansible_names import role_name, variable, words
from driftscan.emit._ansible_services import starts
from driftscan.emit._ansible_yaml import Node, document
from driftscan.role.model import Role

_PATHS = 4  # where one secret stands
_OLDEST = "2.16"  # the first in which a command's arguments can be kept from being expanded
_CODENAMED = {"debian": "Debian", "ubuntu": "Ubuntu"}
_NUMBERED = dict.fromkeys(("rhel", "centos", "rocky", "almalinux", "ol"), "EL") | {
    "fedora": "Fedora",
    "amzn": "Amazon Linux",
}
_ROLLING = {"arch": "ArchLinux", "alpine": "Alpine"}
_NOT_OURS = "Contents of the host's files are not ours to style"
_NOT_STARTED = "Set this to false to enable services without starting them, while data is still to be moved"


def meta(role: Role) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a role that hold no task, path and bytes."""
    yield "meta/main.yml", document({"galaxy_info": _galaxy(role), "dependencies": []})
    yield "meta/argument_specs.yml", document({"argument_specs": {"main": _arguments(role)}})
    if starts(role):
        yield "defaults/main.yml", document({variable(role, "start_services"): True}, head=(_NOT_STARTED,))
    yield ".ansible-lint", document({"exclude_paths": ["files/", "templates/"]}, head=(_NOT_OURS,))


def _galaxy(role: Role) -> dict[str, Node]:
    return {
        "role_name": role_name(role),
        "author": "driftscan",
        "description": f"What {words(role.host)} has that a stock install has not",
        "license": "Proprietary",
        "min_ansible_version": _OLDEST,
        "platforms": [_platform(role)],
        "galaxy_tags": [],
    }


def _platform(role: Role) -> Node:
    release = role.release
    known = release.get("id", "").lower()
    if known in _CODENAMED and re.fullmatch(r"[a-z]+", release.get("codename", "")):
        return {"name": _CODENAMED[known], "versions": [release["codename"]]}
    if known in _NUMBERED and re.match(r"[0-9]", release.get("version", "")):
        return {"name": _NUMBERED[known], "versions": [release["version"].partition(".")[0]]}
    return {"name": _ROLLING.get(known, "GenericLinux"), "versions": ["all"]}


def _arguments(role: Role) -> dict[str, Node]:
    options: dict[str, Node] = {}
    for secret in sorted(role.secrets, key=lambda one: one.variable):
        options[variable(role, secret.variable)] = {
            "type": "str",
            "required": True,
            "no_log": True,
            "description": _described(secret.what, secret.paths),
        }
    if starts(role):
        options[variable(role, "start_services")] = {"type": "bool", "default": True, "description": _NOT_STARTED}
    return {"short_description": f"Make {words(role.host)} again", "options": options}


def _described(what: str, paths: tuple[str, ...]) -> str:
    told = words(what)
    told = told[:1].upper() + told[1:]
    more = f" and {len(paths) - _PATHS} more" if len(paths) > _PATHS else ""
    return f"{told}; it stands in {', '.join(map(words, paths[:_PATHS]))}{more}" if paths else told
