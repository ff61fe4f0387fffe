"""The scope `diversions`: paths where dpkg puts a package's file somewhere else."""

from driftscan.model.item import Column, Item
from driftscan.model.text import text
from driftscan.scopes._common import not_understood, whole_lines
from driftscan.scopes.base import ItemScope, Parsed, Probe, Results
from driftscan.scopes.managers.base import stdout

COLUMNS = (
    Column("path", "text", "Path whose file every package but `by` gets put elsewhere"),
    Column("diverted_to", "text", "Where it is put", golden=True),
    Column("by", "text", "Package that asked for it; empty: somebody did it by hand", golden=True),
)
_FILE = Probe(
    "diversions",
    r"""
ds_real /var/lib/dpkg/diversions
if [ ! -e "$ds_p" ]; then ds_gone "$ds_p" && ds_absent "no diversions of dpkg"; ds_denied /var/lib/dpkg/diversions; fi
cat "$ds_p"
""",
)


def parse(results: Results) -> Parsed:
    """Turn the file, three lines for each diversion, into items."""
    lines = [text(line) for line in whole_lines(stdout(results, _FILE.name))]
    whole = len(lines) - len(lines) % 3
    items = {}
    strange = [line.encode("utf-8", "replace") for line in lines[whole:]]
    for at in range(0, whole, 3):
        path, target, by = lines[at : at + 3]
        if path.startswith("/") and target.startswith("/"):
            attributes = {"path": path, "diverted_to": target, "by": "" if by == ":" else by}
            items[path] = Item("diversions", path, attributes)
        else:
            strange.append(path.encode("utf-8", "replace"))
    words = not_understood(strange)
    return Parsed(items=list(items.values()), unparsed={_FILE.name: words} if words else {})


SCOPE = ItemScope(
    name="diversions",
    doc="Files of packages that dpkg puts somewhere else (dpkg-divert)",
    columns=COLUMNS,
    probes=(_FILE,),
    parse=parse,
)
