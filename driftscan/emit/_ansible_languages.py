"""Packages of languages and checkouts for Ansible."""

import re
from collections.abc import Sequence

from driftscan.emit._ansible_names import Names
from driftscan.emit._ansible_places import Place
from driftscan.emit._ansible_task import (
    Arguments,
    Reading,
    Row,
    Slot,
    Task,
    acting,
    command,
    finish,
    over,
    pair,
    reading,
    row,
    task,
    title,
)
from driftscan.emit._ansible_yaml import Node, Template
from driftscan.role.resources import Checkout, LanguagePackages

_OWN_SYSTEM = "The system's own Python is managed by packages; what is installed into it by pip is kept beside them"
ECOSYSTEMS = ("pip", "npm", "gem")


def packages(names: Names, made: Sequence[LanguagePackages]) -> list[Task]:
    """Spell packages of languages, place by place."""
    return [task for one in made for task in _SPELLED[one.ecosystem](names, one)]


def _becoming(user: str) -> dict[str, Node]:
    return {} if user == "root" else {"become": True, "become_user": user}


def _pip(names: Names, one: LanguagePackages) -> list[Task]:
    """Spell packages of pip by its own commands: the module wants a library of Python's that stock hosts lack."""
    told = row(one, one.environment)
    python = f"{one.environment}/bin/python" if one.environment else one.interpreter or "python3"
    specs = [f"{name}=={version}" for name, version in one.packages]
    register, wanted = names.var("pip"), names.var("pip_wanted")
    missing = f"{wanted} | difference(({register}.stdout | default('') | lower | replace('_', '-')).splitlines())"
    keywords = _becoming(one.user)
    quiet: dict[str, Node] = {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    notes = told.notes
    if not one.environment:
        quiet |= {"PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_ROOT_USER_ACTION": "ignore"}
        notes = (*notes, _OWN_SYSTEM)
    read = command(
        title("See the Python packages in", "See which Python packages are there", [told]),
        [python, "-m", "pip", "list", "--format", "freeze"],
        {
            "register": register,
            "changed_when": False,
            "failed_when": False,
            "check_mode": False,
            "environment": quiet,
            **keywords,
        },
        notes=notes,
    )
    install = command(
        title("Install the Python packages of", "Install Python packages", [told]),
        [python, "-m", "pip", "install", "--quiet", *specs],
        {
            "vars": {wanted: [spec.lower().replace("_", "-") for spec in specs]},
            "when": f"{missing} | length > 0",
            "changed_when": True,
            "environment": quiet,
            **keywords,
        },
    )
    return [read, *(_virtual(names, one, told, register) if one.environment else []), install]


def _virtual(_: Names, one: LanguagePackages, told: Row, register: str) -> list[Task]:
    """Make a virtual environment where pip does not answer in it."""
    own = {"path": Place(one.environment), "owner": one.user}
    seeing = ["--system-site-packages"] if one.system_packages else []
    return [
        _own("Have a directory for the virtual environment", [Row("", own)]),
        command(
            title("Make the virtual environment", "Make a virtual environment", [told]),
            [one.interpreter or "python3", "-m", "venv", *seeing, one.environment],
            {"when": f"{register}.rc | default(1) != 0", "changed_when": True, **_becoming(one.user)},
        ),
    ]


def _npm(names: Names, one: LanguagePackages) -> list[Task]:
    where = ["--prefix", one.environment] if one.environment else ["--global"]
    register = names.var("npm")
    there = f"(({register}.stdout | default('{{}}', true) | from_json).dependencies | default({{}}))"
    rows = [Row(name, {"name": name, "version": version}) for name, version in one.packages]
    read = command(
        "See which packages npm has",
        ["npm", "ls", "--json", "--depth", "0", *where],
        {"register": register, "changed_when": False, "failed_when": False, "check_mode": False, **_becoming(one.user)},
        notes=row(one, "").notes,
    )
    act = command(
        "Install packages with npm",
        [
            "npm",
            "install",
            *where,
            *(["--no-save"] if one.environment else []),
            Template("{{ item.name }}@{{ item.version }}"),
        ],
        {
            "loop": [dict(each.values) for each in rows],
            "loop_control": {"label": Template("{{ item.name }}")},
            "when": f"({there}[item.name] | default({{}})).version | default('') != item.version",
            "changed_when": True,
            **_becoming(one.user),
        },
    )
    return [read, act]


def _gem(names: Names, one: LanguagePackages) -> list[Task]:
    where = ["--install-dir", one.environment] if one.environment else []
    rows = [
        Row(name, {"name": name, "version": version, "exactly": f"^{re.escape(name)}$"}, row(one, name).notes)
        for name, version in one.packages
    ]
    return pair(
        Reading(
            register=names.var("gem"),
            name="See which gems are there",
            argv=["gem", "list", "--local", "--installed", "--version", Slot("version"), Slot("exactly")],
            rows=rows,
            label="name",
            become=_becoming(one.user),
        ),
        "Install gems",
        ["gem", "install", "--no-document", *where, "--version", Slot("version"), Slot("name")],
        "item.rc != 0",
    )


_SPELLED = {"pip": _pip, "npm": _npm, "gem": _gem}


def checkouts(names: Names, made: Sequence[Checkout]) -> list[Task]:
    """Spell working copies of one kind and one user."""
    rows = [row(one, one.path, path=one.path, owner=one.user, group=one.group) for one in made]
    return [_own("Have directories for checkouts", rows), *_CHECKED_OUT[made[0].kind](names, made)]


def _own(name: str, rows: Sequence[Row]) -> Task:
    """Have directories that belong to who works in them: above them nobody else may write."""
    arguments: Arguments = {"path": Slot("path"), "state": "directory", "owner": Slot("owner"), "group": Slot("group")}
    bare = [Row(one.subject, one.values) for one in rows]
    return task(name, "file", arguments, bare, rules=("risky-file-permissions",))


def _git(names: Names, made: Sequence[Checkout]) -> list[Task]:
    """Clone or fetch where the commit is another one, then put the branch on it: the module leaves it detached."""
    register = names.var("checkout")
    becoming = _becoming(made[0].user)

    def at(key: str) -> Template:
        return Template(f"{{{{ item.item.{key} }}}}")

    rows = [row(one, one.path, path=one.path, repo=one.remote, version=one.commit, branch=one.branch) for one in made]
    looked = Reading(
        register=register,
        name="See which commits are checked out",
        argv=["git", "-C", Slot("path"), "rev-parse", "HEAD", "--abbrev-ref", "HEAD"],
        rows=rows,
        label="path",
        become=becoming,
    )
    arguments: dict[str, Node] = {"repo": at("repo"), "dest": at("path"), "version": at("version")}
    there = "item.stdout_lines | default([])"
    other = f"({there} | first | default('')) != item.item.version"
    clone = {**over(looked), "when": other, **becoming}
    tasks = [reading(looked), finish("Check out with git", "git", arguments, clone)]
    if any(one.branch for one in made):
        put: list[str | Slot] = ["git", "-C", Slot("path"), "checkout", "-B", Slot("branch"), Slot("version")]
        when: Node = ["item.item.branch | length > 0", f"{there} != [item.item.version, item.item.branch]"]
        tasks.append(acting(looked, "Put branches on their commits", put, when))
    return tasks


def _hg(names: Names, made: Sequence[Checkout]) -> list[Task]:
    rows = [row(one, one.path, path=one.path, repo=one.remote, version=one.commit) for one in made]
    return pair(
        Reading(
            register=names.var("checkout"),
            name="See which changesets are checked out",
            argv=["hg", "--repository", Slot("path"), "log", "--rev", ".", "--template", "{node}"],
            rows=rows,
            label="path",
            become=_becoming(made[0].user),
        ),
        "Check out with hg",
        ["hg", "clone", "--updaterev", Slot("version"), "--", Slot("repo"), Slot("path")],
        "item.stdout != item.item.version",
    )


def _svn(_: Names, made: Sequence[Checkout]) -> list[Task]:
    rows = [row(one, one.path, dest=Place(one.path), repo=one.remote, revision=one.commit) for one in made]
    arguments: Arguments = {"repo": Slot("repo"), "dest": Slot("dest"), "revision": Slot("revision")}
    return [
        task(
            title("Check out", "Check out with svn", rows),
            "subversion",
            arguments,
            rows,
            rules=(),
            **_becoming(made[0].user),
        )
    ]


_CHECKED_OUT = {"git": _git, "hg": _hg, "svn": _svn}
