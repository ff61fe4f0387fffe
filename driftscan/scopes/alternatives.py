"""The scope `alternatives`: names that stand for one of several programs, and which one was chosen."""

from collections.abc import Iterator
from typing import NamedTuple

from driftscan.model.item import Column, Item
from driftscan.model.text import raw, text
from driftscan.scopes._common import not_understood
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results
from driftscan.scopes.managers.base import segments, stdout

COLUMNS = (
    Column("name", "text", "Name of the alternative"),
    Column("link", "text", "The path that people use, a link by way of /etc/alternatives"),
    Column(
        "status", "text", "auto: the choice with the highest priority is taken; manual: somebody chose", golden=True
    ),
    Column("value", "text", "The path in use; empty when there is no link", golden=True),
    Column("best", "text", "The choice with the highest priority"),
    Column("choices", "json", "Every choice as [path, priority]"),
    Column("slaves", "json", "Names that follow the choice, each as [name, link]"),
    Column("package", "text", "Package that owns the path in use", owner_of="value"),
)

# dpkg's, then those of chkconfig's and of the free-standing alternatives; the format is the same.
_DATABASES = ("/var/lib/dpkg/alternatives", "/var/lib/alternatives", "/var/lib/rpm/alternatives")
_DATABASE = Probe(
    "alternatives",
    f"for db in {' '.join(_DATABASES)}; do"
    r"""
  ds_real "$db"
  if [ -d "$ds_p" ]; then break; fi
  ds_gone "$ds_p" || ds_denied "$db"
done
[ -d "$ds_p" ] || ds_absent "no database of alternatives"
cd "$ds_p" && [ -r . ] || ds_denied "$db"
set -- ./*
[ -e "$1" ] || ds_absent "no alternatives"
awk 'FNR == 1 { print ">" substr(FILENAME, 3) } { print } END { print "<" }' "$@"
""",
)
_LINKS = Probe(
    "alternative-links",
    r"""
ds_real /etc/alternatives
if [ ! -d "$ds_p" ]; then ds_gone "$ds_p" && ds_absent "no /etc/alternatives"; ds_denied /etc/alternatives; fi
cd "$ds_p" && [ -r . ] || ds_denied /etc/alternatives
{ ds_has find && command find . -type l -printf '%f\0%l\0' 2>/dev/null; } ||
  for link in *; do if [ -L "$link" ]; then printf '%s\000%s\000' "$link" "$(readlink "$link")"; fi; done
""",
)


class Alternative(NamedTuple):
    """One file of the database."""

    status: str
    link: str
    slaves: list[tuple[str, str]]
    choices: list[tuple[str, int]]

    @property
    def best(self) -> str | None:
        """The first of the choices with the highest priority."""
        return max(self.choices, key=lambda choice: choice[1])[0] if self.choices else None


def parse(results: Results) -> Parsed:
    """Turn the database and the links into one item per alternative."""
    links = _links(stdout(results, _LINKS.name))
    strange: list[bytes] = []
    items = []
    for name, body in segments(stdout(results, _DATABASE.name)):
        known = read(text(body))
        if known is None:
            strange.append(name)
        elif name:
            items.append(_item(text(name), known, links))
    words = not_understood(strange, "alternatives")
    unique = {item.key: item for item in items}
    return Parsed(items=list(unique.values()), unparsed={_DATABASE.name: words} if words else {})


def read(body: str) -> Alternative | None:
    """Read one file: status, link, slaves in pairs, an empty line; then the choices, each with its slaves' paths."""
    lines = iter(body.split("\n"))
    status, link = next(lines, ""), next(lines, "")
    if status not in {"auto", "manual"} or not link.startswith("/"):
        return None
    slaves = []
    for name in lines:
        if not name:
            break
        slaves.append((name, next(lines, "")))
    choices = []
    for path in lines:
        if not path:
            break
        priority = _priority(next(lines, ""))
        if not path.startswith("/") or priority is None:
            return None
        choices.append((path, priority))
        for _ in slaves:
            next(lines, "")
    return Alternative(status, link, slaves, choices)


def _priority(line: str) -> int | None:
    """Return the priority of a choice; before it there may be `@FAMILY@`, and behind it a service's name."""
    if line.startswith("@"):
        line = line[1:].partition("@")[2]
    word = line.partition(" ")[0]
    plain = word.removeprefix("-")
    return int(word) if plain.isascii() and plain.isdigit() and len(plain) < 12 else None


def _links(data: bytes) -> dict[str, str]:
    fields = [text(field) for field in data.split(b"\0")]
    return dict(_pairs(fields))


def _pairs(fields: list[str]) -> Iterator[tuple[str, str]]:
    return zip(fields[0:-1:2], fields[1:-1:2], strict=False)


def _item(name: str, known: Alternative, links: dict[str, str]) -> Item:
    value = links.get(name)
    if value and not value.startswith("/"):
        value = text(b"/etc/alternatives/" + raw(value))
    return Item(
        "alternatives",
        name,
        {
            "name": name,
            "link": known.link,
            "status": known.status,
            "value": value,
            "best": known.best,
            "choices": [list(choice) for choice in known.choices],
            "slaves": [list(slave) for slave in known.slaves],
        },
    )


SCOPE = ItemScope(
    name="alternatives",
    doc="Names that stand for one of several programs (update-alternatives), and which one was chosen",
    columns=COLUMNS,
    probes=(_DATABASE, _LINKS),
    parse=parse,
)
