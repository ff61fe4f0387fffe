"""The runbook's words on finds: directories one by one, single files gathered by the directory that they are in."""

from collections.abc import Sequence

from driftscan.explain.view import View
from driftscan.findings.finds import Find
from driftscan.model.amount import amount
from driftscan.model.markdown import bullets, code, codes
from driftscan.report._runbook_common import temporary
from driftscan.report.finds import day

_MOST = 40  # points; the others are counted
_NAMES = 40  # files of one place


def finds(view: View, found: Sequence[Find], named: str) -> list[str]:
    """Tell every find but the single files that the text `named` has named already."""
    lasting = [find for find in found if not temporary(find.path)]
    left = [find for find in lasting if find.kind == "d" or code(find.path).replace("\0", " ") not in named]
    points: dict[str, list[Find]] = {}
    for find in left:
        alone = find.kind == "d" or find.application or find.runs
        points.setdefault(find.path if alone else _place(find.path), []).append(find)
    told = [_point(where, some) for where, some in points.items()]
    lines = bullets(told, _MOST, code(f"driftscan finds {view.snapshot.host}"))
    rest = (
        (len(lasting) - len(left), "that other steps name"),
        (len(found) - len(lasting), "in directories for temporary files"),
    )
    return lines + bullets(f"and {number:,} {words}" for number, words in rest if number)


def _place(path: str) -> str:
    """Return the directory under which single files are told together: /etc, a home, /usr/local, /var/lib."""
    top, _, rest = path[1:].partition("/")
    second, _, rest = rest.partition("/")
    return f"/{top}/" if top == "etc" or not rest else f"/{top}/{second}/"


def _point(where: str, some: Sequence[Find]) -> str:
    if len(some) == 1:
        return _find(some[0])
    names = [_name(find, where) for find in some]
    rest = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return f"below {code(where)}: {', '.join(names[:_NAMES])}{rest}"


def _name(find: Find, where: str) -> str:
    """Return where a file is below `where`, with where it leads to or whose it is where that is telling."""
    told = [f"link to {code(find.target)}"] if find.target else []
    told += [f"of {codes(find.owners, 2)}"] if set(find.owners) - {"root", where.split("/")[2]} else []
    return code(find.path[len(where) :]) + (f" ({', '.join(told)})" if told else "")


def _find(find: Find) -> str:
    told = [_amount(find)]
    if find.target:
        told.append(f"link to {code(find.target)}")
    if find.oldest is not None and find.newest is not None:
        told.append(" to ".join(dict.fromkeys((day(find.oldest), day(find.newest)))))
    if set(find.owners) - {"root"}:
        told.append(f"of {codes(find.owners, 3)}")
    if find.application:
        told.append(code(find.application))
    if find.explained:
        told.append(f"{sum(find.explained.values()):,} entries are explained: {codes(sorted(find.explained), 4)}")
    if find.runs:
        told.append(codes(find.runs, 3))
    if find.refers:
        told.append(f"named by {codes(find.refers, 3)}")
    return f"{code(find.path)}: " + "; ".join(one for one in told if one)


def _amount(find: Find) -> str:
    if find.kind == "d" and find.entries <= 1:
        return "an empty directory"
    if find.kind == "d" and not find.files:
        return f"{find.entries - 1:,} entr{'y' if find.entries == 2 else 'ies'}, no regular file"
    if find.kind == "d":
        return f"{find.files:,} file{'s' * (find.files != 1)}, {amount(find.size)}"
    return amount(find.size) if find.kind == "f" else ""
