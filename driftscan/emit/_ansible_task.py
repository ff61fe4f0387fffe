"""Tasks: one or many rows of the same work as one task, and reading before acting where no module does both."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftscan.emit._ansible_names import plain, words
from driftscan.emit._ansible_places import WHY, Place, kept
from driftscan.emit._ansible_yaml import Node, Noted, Tail, Template, is_live
from driftscan.role.resources import Resource

Task = Noted
_BUILTIN = "ansible.builtin."
_MODULES_OF = frozenset({"git", "hg", "service", "svn", "systemctl", "tar"})  # that ansible-lint wants modules for
INSTEAD = "command-instead-of-module"
_LOGIC = ("when", "changed_when", "failed_when")


@dataclass(frozen=True, slots=True)
class Slot:
    """Stands in the arguments of a task for a value that each row has of its own."""

    key: str


@dataclass(frozen=True, slots=True)
class Row:
    """What one resource puts into the slots of a task, what it is called, and why it is there."""

    subject: str
    values: Mapping[str, Node]
    notes: tuple[str, ...] = ()


Arguments = Mapping[str, "Node | Slot | Sequence[Node | Slot]"]


def row(resource: Resource, subject: str, **values: Node | None) -> Row:
    """Return the row of a resource; a value None is not set."""
    notes = (words(resource.why.words),) if resource.why.words else ()
    return Row(subject, {key: value for key, value in values.items() if value is not None}, notes)


def title(one: str, many: str, rows: Sequence[Row]) -> str:
    """Return a task's name: `one` with the subject behind it where there is but one that can be shown, else `many`."""
    return f"{one} {rows[0].subject}" if len(rows) == 1 and plain(rows[0].subject) else many


def task(
    name: str, module: str, arguments: Arguments, rows: Sequence[Row], *, rules: tuple[str, ...] = (), **keywords: Node
) -> Task:
    """Return one task for all rows: what they have in common said once, the rest in a loop."""
    shared = _shared(rows)
    own = [key for key in _keys(rows) if key not in shared]
    bare = len(own) == 1 and all(own[0] in one.values for one in rows)
    resolved: dict[str, Node] = {}
    for key, value in arguments.items():
        filled = _filled(value, shared, own, rows, bare=bare)
        if filled is not None:
            resolved[key] = filled
    loop = _loop(rows, own, bare=bare) if len(rows) > 1 and own else {}
    notes = tuple(dict.fromkeys(note for one in rows for note in one.notes))
    above = notes if not loop or len(notes) == 1 else ()
    return finish(name, module, resolved, {**loop, **keywords}, above, rules)


def _keys(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(key for one in rows for key in one.values))


def _shared(rows: Sequence[Row]) -> dict[str, Node]:
    first = rows[0].values
    return {
        key: value
        for key, value in first.items()
        if all(key in one.values and one.values[key] == value for one in rows[1:])
    }


def _filled(
    value: "Node | Slot | Sequence[Node | Slot]",
    shared: Mapping[str, Node],
    own: Sequence[str],
    rows: Sequence[Row],
    *,
    bare: bool,
) -> Node | None:
    if isinstance(value, Slot):
        if value.key in shared:
            return shared[value.key]
        if value.key not in own:
            return None
        if bare:
            return Template("{{ item }}")
        always = all(value.key in one.values for one in rows)
        return Template(f"{{{{ item.{value.key} }}}}" if always else f"{{{{ item.{value.key} | default(omit) }}}}")
    if isinstance(value, list):
        return [part for one in value if (part := _filled(one, shared, own, rows, bare=bare)) is not None]
    return value  # type: ignore[return-value]


def _loop(rows: Sequence[Row], own: Sequence[str], *, bare: bool) -> dict[str, Node]:
    told = len({one.notes for one in rows}) > 1
    entries: list[Node] = []
    for one in rows:
        entry: Node = one.values[own[0]] if bare else {key: one.values[key] for key in own if key in one.values}
        entries.append(Noted(one.notes, entry) if told else entry)
    loop: dict[str, Node] = {"loop": entries}
    if not bare:
        label = own[0]
        loop["loop_control"] = {"label": Template(f"{{{{ item.{label} }}}}")}
    return loop


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A command that reads what is there, for each row; `label` is the key that a row is called by in what is shown."""

    register: str
    name: str
    argv: Sequence[str | Slot]
    rows: Sequence[Row]
    label: str
    become: Mapping[str, Node] = field(default_factory=dict)


def reading(what: Reading) -> Task:
    """Return the task that reads: it changes nothing, fails never, and runs in a dry run too."""
    told = len({one.notes for one in what.rows}) > 1
    entries: list[Node] = [Noted(one.notes, dict(one.values)) if told else dict(one.values) for one in what.rows]
    return command(
        what.name,
        [_spelled(part, "item") for part in what.argv],
        {
            "loop": entries,
            "loop_control": {"label": Template(f"{{{{ item.{what.label} }}}}")},
            "register": what.register,
            "changed_when": False,
            "failed_when": False,
            "check_mode": False,
            **what.become,
        },
        notes=() if told else what.rows[0].notes,
        values=_values(what),
    )


def over(what: Reading) -> dict[str, Node]:
    """Return the loop over what was read: `item` is a result, `item.item` its row."""
    return {
        "loop": Template(f"{{{{ {what.register}.results }}}}"),
        "loop_control": {"label": Template(f"{{{{ item.item.{what.label} }}}}")},
    }


def acting(what: Reading, name: str, argv: Sequence[str | Slot], when: Node) -> Task:
    """Return the command that acts on the rows of which what was read is not what it must be."""
    keywords = {**over(what), "when": when, "changed_when": True, **what.become}
    return command(name, [_spelled(part, "item.item") for part in argv], keywords, values=_values(what))


def pair(what: Reading, name: str, argv: Sequence[str | Slot], when: Node) -> list[Task]:
    """Return the two tasks: what reads, and what acts where it is otherwise."""
    return [reading(what), acting(what, name, argv, when)]


def _values(what: Reading) -> list[Node]:
    return [value for one in what.rows for value in one.values.values()]


def _spelled(part: str | Slot, item: str) -> str:
    return Template(f"{{{{ {item}.{part.key} }}}}") if isinstance(part, Slot) else part


def command(
    name: str,
    argv: Sequence[Node],
    keywords: Mapping[str, Node],
    *,
    notes: tuple[str, ...] = (),
    values: Iterable[Node] = (),
) -> Task:
    """Return a task that runs a command without a shell; `values` are what its templates stand for."""
    arguments: dict[str, Node] = {"argv": list(argv)}
    if any("$" in text or text.startswith("~") for text in _texts([*argv, *values])):
        arguments["expand_argument_vars"] = False
    instead = isinstance(argv[0], str) and argv[0] in _MODULES_OF
    return finish(name, "command", arguments, keywords, notes, rules=(INSTEAD,) if instead else ())


def finish(
    name: str,
    module: str,
    arguments: Mapping[str, Node],
    keywords: Mapping[str, Node],
    notes: tuple[str, ...] = (),
    rules: tuple[str, ...] = (),
) -> Task:
    """Return a task with its name, and with what keeps variables in paths as they are.

    `rules` are those of ansible-lint that are broken on purpose; what a host's values look like breaks two more.
    """
    logic: dict[str, Node] = {key: _meant(value) for key, value in keywords.items() if key in _LOGIC}
    whole: dict[str, Node] = {"name": name, _BUILTIN + module: dict(arguments), **keywords, **logic}
    rules += ("no-tabs",) if any("\t" in value for value in _texts(whole)) else ()
    rules += ("jinja",) if any(map(is_live, _texts(whole))) else ()  # it takes what is marked !unsafe for a template
    if rules:
        whole["name"] = Tail(name, f"noqa: {' '.join(rules)}")
    variables = kept(value for value in _texts(whole) if isinstance(value, Place))
    if not variables:
        return Noted(notes, whole)
    told = keywords.get("environment", {})
    whole["environment"] = {**(told if isinstance(told, Mapping) else {}), **variables}
    return Noted((*notes, WHY), whole)


def _meant(node: Node) -> Node:
    """Return conditions as what they are: Jinja."""
    if isinstance(node, list):
        return [_meant(one) for one in node]
    return Template(node) if isinstance(node, str) else node


def _texts(node: Node) -> Iterator[str]:
    """Yield every text in `node`."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, Noted):
        yield from _texts(node.node)
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
