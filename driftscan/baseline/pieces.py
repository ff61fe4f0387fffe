"""Edits of a text's pieces: a section made, an entry put where it belongs, a value replaced, a comment added."""

from bisect import bisect_left
from collections.abc import Mapping

from driftscan.baseline.complaint import refuse
from driftscan.baseline.layout import Layout, Piece
from driftscan.baseline.spelling import flow, key, line, scalar
from driftscan.baseline.vocabulary import order
from driftscan.model.item import Json

_STEP = 2  # spaces by which a new line is indented


def section(layout: Layout, name: str, where: str) -> Piece:
    """Return a section whose children can be edited; a new one gets its place by the fixed order of sections."""
    if layout.kind not in {"none", "map"}:
        refuse(where, "is written in braces or as a list", "write one section a line to have it edited")
    if any(piece.key == "<<" for piece in layout.pieces):
        refuse(where, "merges sections with '<<'", "write them out to have them edited")
    found = next((piece for piece in layout.pieces if piece.key == name), None)
    if found is None:
        found = Piece(name, [f"{name}:{layout.newline}"], 0, children=[])
        _place(layout, found)
    elif found.children is None:
        _open(found, layout.newline, where)
    return found


def _place(layout: Layout, piece: Piece) -> None:
    """Put a new section behind the last one that comes before it; the head of the file stays its head."""
    rank = {name: place for place, name in enumerate(order())}
    place = max((n for n, one in enumerate(layout.pieces, 1) if rank.get(one.key, -1) < rank[piece.key]), default=0)
    blank = layout.newline
    if not layout.pieces:
        piece.lead, layout.tail = layout.tail, []
    elif place == 0:
        following = layout.pieces[0]
        head = max((n for n, one in enumerate(following.lead, 1) if not one.strip() or one[:3] == "---"), default=0)
        piece.lead, following.lead = following.lead[:head], [blank, *following.lead[head:]]
    if piece.lead and piece.lead[-1].strip() and piece.lead[-1][:3] != "---":
        piece.lead.append(blank)
    if place:
        piece.lead = [blank]
        if place < len(layout.pieces) and not layout.pieces[place].lead:
            layout.pieces[place].lead = [blank]
    layout.pieces.insert(place, piece)
    layout.kind = "map"


def _open(piece: Piece, newline: str, where: str) -> None:
    """Turn a section that is empty or in braces into one of lines."""
    if piece.kind not in {"none", "braces"} or piece.value is None:
        refuse(where, f"section '{piece.key}' is an alias or a single value", "write it out to have it edited")
    raws = [raw for _, raw in piece.raw if raw is not None]
    if len(raws) < len(piece.raw):
        refuse(where, f"section '{piece.key}' has entries of several lines in braces", "write them one a line")
    names = [name for name, raw in piece.raw]
    is_list = piece.raw and not names[0] and piece.lines[piece.value[0]][piece.value[1]] == "["
    indent = piece.indent + _STEP
    opening = "- " if is_list else ""
    if piece.kind == "braces":
        first, begin, last, end = piece.value
        head, comment = piece.lines[first][:begin].rstrip(), piece.lines[last][end:].strip()
        piece.lines[first:] = [head + (f"  {comment}" if comment else "") + newline]
    piece.children = [
        Piece(name, [f"{' ' * indent}{opening}{raw}{newline}"], indent) for name, raw in zip(names, raws, strict=True)
    ]


def child(section: Piece, name: str) -> Piece | None:
    """Return the entry of a key."""
    return next((one for one in section.children or () if one.key == name), None)


def add(section: Piece, name: str, value: str, newline: str, *, ordered: bool) -> Piece:
    """Add an entry, where it belongs if `ordered`, else behind the others."""
    children = section.children if section.children is not None else []
    indent = children[0].indent if children else section.indent + _STEP
    piece = entry(name, value, indent, newline)
    place = len(children)
    if ordered and children and children[-1].key > name:
        place = bisect_left(children, name, key=lambda one: one.key)
    children.insert(place, piece)
    section.children = children
    return piece


def entry(name: str, value: str, indent: int, newline: str) -> Piece:
    """Return a piece of one line; of two, where the key is too long for one."""
    spelled, margin = key(name), " " * indent
    if spelled.startswith("? "):
        lines = [f"{margin}{spelled}{newline}", f"{margin}: {value}{newline}"]
    else:
        lines = [f"{margin}{spelled}: {value}{newline}"]
    begin = len(lines[-1]) - len(newline) - len(value)
    at = len(lines) - 1
    return Piece(name, lines, indent, kind="leaf", value=(at, begin, at, begin + len(value)))


def add_item(section: Piece, values: Mapping[str, Json], newline: str) -> None:
    """Add an item of one line at the end of a list."""
    children = section.children if section.children is not None else []
    indent = children[0].indent if children else section.indent + _STEP
    children.append(Piece("", [f"{' ' * indent}- {flow(values)}{newline}"], indent, kind="braces"))
    section.children = children


def add_comment(section: Piece, text: str, newline: str) -> None:
    """Add a comment at the end of a section, as deep as its entries."""
    indent = section.children[0].indent if section.children else section.indent + _STEP
    section.tail.append(f"{' ' * indent}# {line(text)}{newline}")


def remove(section: Piece, piece: Piece) -> None:
    """Take an entry away; the comments before it stay, in front of what comes next."""
    children = section.children or []
    place = next(n for n, one in enumerate(children) if one is piece)
    del children[place]
    kept = [*piece.lead, *_comments(piece)]
    heir = children[place].lead if place < len(children) else section.tail
    heir[:0] = kept if any(one.strip() for one in kept) else []


def set_value(piece: Piece, value: str, newline: str) -> None:
    """Put another value into an entry; comments that stood inside of the old one go before it."""
    if piece.value is None:
        fresh = entry(piece.key, value, piece.indent, newline)
        piece.lead += _comments(piece)
        piece.lines, piece.value = fresh.lines, fresh.value
    else:
        piece.lead += _comments(piece)
        _replace(piece, value)
    piece.children, piece.tail, piece.kind, piece.raw = None, [], "leaf", ()


def _comments(piece: Piece) -> list[str]:
    """Return the lines that are comments alone, of the lines and the children of an entry."""
    inner = [text for one in piece.children or () for text in one.text()] + piece.tail
    margin = " " * piece.indent
    if piece.value is not None and piece.kind == "braces":
        inner += piece.lines[piece.value[0] + 1 : piece.value[2]]
    return [margin + text.lstrip() for text in inner if text.lstrip().startswith("#")]


def _replace(piece: Piece, value: str) -> None:
    """Put another value where the old one was; only for a piece that has such a place."""
    first, begin, last, end = piece.value or (0, 0, 0, 0)
    head, rest = piece.lines[first][:begin], piece.lines[last][end:]
    if not head.endswith((" ", "\t")) and value:
        head += " "
    if last > first and not rest.strip():
        rest = piece.lines[first][len(piece.lines[first].rstrip("\r\n")) :] or rest
    comment = rest.lstrip(" ")
    if value and comment.startswith("#") and first == last:  # where it stood, if there is room
        rest = " " * max(2, end + len(rest) - len(comment) - len(head) - len(value)) + comment
    piece.lines[first : last + 1] = [head + value + rest]
    piece.value = (first, len(head), first, len(head) + len(value))


def respelled(piece: Piece | None, values: Mapping[str, Json], before: Mapping[str, Json]) -> str:
    """Return attributes in braces; what stays as it was keeps its spelling and its place."""
    raw = {name: text for name, text in (piece.raw if piece else ()) if text}
    kept = {name: text for name, text in raw.items() if name in before and before[name] == values.get(name, piece)}
    names = [*(name for name in raw if name in values), *(name for name in values if name not in raw)]
    return f"{{{', '.join(kept.get(name) or f'{scalar(name)}: {flow(values[name])}' for name in names)}}}"
