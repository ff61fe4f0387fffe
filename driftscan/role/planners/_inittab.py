"""Plans an entry of /etc/inittab that somebody has written: a line that the new host's own file must have."""

from collections.abc import Iterator

from driftscan.drift.subject import Subject
from driftscan.model.item import Item
from driftscan.role.desk import Desk, Planned
from driftscan.role.model import Handler, LeftOut
from driftscan.role.planners._texts import SECRET, text_of
from driftscan.role.resources import Lines

_FILE = "/etc/inittab"
_READ = Handler("read inittab anew", ("telinit", "q"))


def entry(desk: Desk, subject: Subject, item: Item) -> Iterator[Planned]:
    """Plan the line of an entry as it is written; one that holds a secret, or that was not kept, is named."""
    told = text_of(desk.view, _FILE)
    beginning = f"{item.attributes.get('name')}:"
    line = next((one for one in (told or "").splitlines() if one.startswith(beginning)), None)
    if line is None or SECRET.search(line):
        yield LeftOut(subject.scope, subject.key, "its line could not be read, or holds a secret", limit=True)
        return
    yield _READ
    words = f"init starts {item.attributes.get('command')}"
    yield Lines(why=desk.why(subject, words), path=_FILE, lines=(line,), notify=(_READ.name,))
