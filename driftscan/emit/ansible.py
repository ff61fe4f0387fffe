"""Roles for Ansible: tasks by concern, handlers, templates of what holds secrets, a README; builtin modules only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from driftscan.emit import _ansible_accounts as accounts
from driftscan.emit import _ansible_archives as archives
from driftscan.emit import _ansible_files as files
from driftscan.emit import _ansible_languages as languages
from driftscan.emit import _ansible_overrides as overrides
from driftscan.emit import _ansible_packages as packages
from driftscan.emit import _ansible_rights as rights
from driftscan.emit import _ansible_services as services
from driftscan.emit._ansible_groups import Group, gathered
from driftscan.emit._ansible_meta import meta
from driftscan.emit._ansible_names import Names, names, role_name, source, variable
from driftscan.emit._ansible_refused import loss, refusal
from driftscan.emit._ansible_task import Task
from driftscan.emit._ansible_templates import template
from driftscan.emit._ansible_yaml import Node, Noted, Template, document
from driftscan.emit._readme import readme
from driftscan.emit.base import Emitted, Emitter, Output, Refused
from driftscan.role import resources as kinds
from driftscan.role.model import Role
from driftscan.role.resources import Archive, File, Flags, PackageFile, Resource, Stage

__all__ = ["EMITTER", "role_name", "variable"]  # who applies a role needs the names that it goes by
_DRY = "ansible_check_mode"
_DRY_NOTE = "A dry run has not made what later tasks stand on: there, errors are told and passed over"
_SUPPLY = (
    "Give each as a variable, in a file that only you can read (ansible-vault encrypts it); mark values !unsafe, and "
    "Ansible reads nothing in them. Without them the role ends before it has changed anything."
)
_NOTHING = "A stock install needs nothing done"
_SPELLED: Mapping[type[Resource], Callable[[Names, Any], list[Task]]] = {
    kinds.Group: accounts.groups,
    kinds.User: accounts.users,
    kinds.Membership: accounts.members,
    kinds.Refresh: packages.refresh,
    kinds.Package: packages.packages,
    kinds.PackageFile: packages.from_files,
    kinds.Diversion: overrides.diversions,
    kinds.StatOverride: overrides.stat_overrides,
    kinds.Alternative: overrides.alternatives,
    kinds.Directory: files.directories,
    kinds.File: files.files,
    kinds.Lines: files.lines,
    kinds.Link: files.links,
    kinds.HardLink: files.hard_links,
    kinds.Special: files.specials,
    kinds.Absent: files.absent,
    kinds.Archive: archives.archives,
    kinds.Checkout: languages.checkouts,
    kinds.LanguagePackages: languages.packages,
    kinds.Rights: rights.rights,
    kinds.Acl: rights.acls,
    kinds.Capabilities: rights.capabilities,
    kinds.Xattr: rights.attributes,
    kinds.Flags: rights.flags,
    kinds.Service: services.services,
}


def _emit(role: Role) -> Emitted:
    refused = [Refused(one, why) for one in role.resources if (why := refusal(one) or loss(one))]
    made = [one for one in role.resources if not refusal(one)]
    out = dict(_tasks(role, made))
    out |= dict(meta(role))
    out |= dict(_payloads(role, made))
    out["README.md"] = _readme(role, refused)
    return Emitted({path: Output(data) for path, data in sorted(out.items())}, tuple(refused))


def _tasks(role: Role, made: Sequence[Resource]) -> Iterator[tuple[str, bytes]]:
    called = names(role)
    seals = [one for one in made if isinstance(one, Flags)]
    by_stage = {stage: [one for one in made if one.when == stage] for stage in Stage}
    concerns = [stage for stage in Stage if by_stage[stage]]
    for stage in concerns:
        groups = gathered(by_stage[stage], seals)
        yield f"tasks/{stage.name.lower()}.yml", document([task for one in groups for task in _of(called, one)])
    yield "tasks/main.yml", document(list(_imports(concerns)), head=(_DRY_NOTE if concerns else _NOTHING,))
    if role.handlers:
        yield "handlers/main.yml", document(list(services.handlers(role, called)))


def _of(called: Names, group: Group) -> list[Task]:
    tasks = _SPELLED[type(group.members[0])](called, group.members)
    if group.members[0].notify:
        heard: list[Node] = [called.handlers[name] for name in group.members[0].notify]
        tasks = [_notifying(one, heard) for one in tasks]
    return rights.unsealed(called, tasks, sorted(group.sealed)) if group.sealed else tasks


def _notifying(task: Task, heard: list[Node]) -> Task:
    assert isinstance(task.node, Mapping)  # noqa: S101 - a task is a mapping
    return task if task.node.get("changed_when") is False else Noted(task.notes, {**task.node, "notify": heard})


def _imports(concerns: Sequence[Stage]) -> Iterator[Node]:
    for stage in concerns:
        name = stage.name.lower()
        if stage is Stage.SERVICES:
            yield {"name": "Reload and restart what has changed", "ansible.builtin.meta": "flush_handlers"}
        yield {
            "name": name.capitalize(),
            "ansible.builtin.import_tasks": f"{name}.yml",
            "ignore_errors": Template(f"{{{{ {_DRY} }}}}"),
        }


def _payloads(role: Role, made: Sequence[Resource]) -> Iterator[tuple[str, bytes]]:
    for one in made:
        if isinstance(one, File) and one.content is not None:
            literal = one.content.literal
            if literal is None:
                yield f"templates/{source(one.path)}.j2", template(one.content, lambda name: variable(role, name))
            else:
                yield f"files/{source(one.path)}", literal
        elif isinstance(one, Archive):
            yield f"files/archives/{one.name}", one.data
        elif isinstance(one, PackageFile):
            yield f"files/packages/{one.file}", one.data


def _readme(role: Role, refused: Sequence[Refused]) -> bytes:
    secrets = tuple(replace(one, variable=variable(role, one.variable)) for one in role.secrets)
    return readme(replace(role, secrets=secrets), refused, _how(role), _SUPPLY)


def _how(role: Role) -> list[str]:
    """Return how the role is applied: the directory's name is the role's."""
    given = " --extra-vars @secrets.yml" if role.secrets else ""
    play = ["# site.yml, beside a directory roles/ with this one as its", f"# {role_name(role)}", "- hosts: all"]
    return [
        *play,
        "  become: true",
        f"  roles: [{role_name(role)}]",
        "",
        f"ansible-playbook --inventory HOST, site.yml{given} --check --diff",
        f"ansible-playbook --inventory HOST, site.yml{given}",
    ]


EMITTER = Emitter("ansible", "An Ansible role", _emit)
