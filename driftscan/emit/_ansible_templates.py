"""Files with secrets as templates: what is literal comes out byte for byte, whatever it looks like to Jinja."""

import re
from collections.abc import Callable, Iterator

from driftscan.role.resources import Content, Variable

_LATIN = "iso-8859-1"  # each byte is one character of it
_HEADER = "#jinja2:"
# Brackets of a variable, a block and a comment; the first that cannot be mistaken for anything the file says are taken.
_DELIMITERS = (("{{ ", " }}"), ("[[ ", " ]]"), ("<< ", " >>"), ("(( ", " ))"))
_CARRIAGE_RETURN = "'\\r'"


def encoding(content: Content) -> str:
    """Return the encoding in which Ansible must write the file, "" for its own."""
    try:
        b"".join(part for part in content.parts if isinstance(part, bytes)).decode()
    except UnicodeDecodeError:
        return _LATIN
    return ""


def template(content: Content, variable: Callable[[str], str]) -> bytes:
    """Return the template of a file; `variable` gives the name that Ansible has for a secret."""
    parts = [
        part.decode(encoding(content) or "utf-8") if isinstance(part, bytes) else part
        for part in _joined(content.parts)
    ]
    options: dict[str, str] = {}
    if _all_dos(parts):
        options["newline_sequence"] = "\r\n"
    else:  # Jinja would make one kind of line end of all
        parts = list(_returns_apart(parts))
    start, end = next(pair for pair in _delimiters() if _can_tell(parts, pair))
    if (start, end) != _DELIMITERS[0]:
        opening, closing = start.strip(), end.strip()
        for kind, mark in (("variable", ""), ("block", "%"), ("comment", "#")):
            options[f"{kind}_start_string"] = opening if not mark else opening[:-1] + mark
            options[f"{kind}_end_string"] = closing if not mark else mark + closing[1:]
    body = "".join(part if isinstance(part, str) else f"{start}{_expression(part, variable)}{end}" for part in parts)
    if body.startswith(_HEADER) and not options:
        options["newline_sequence"] = "\n"
    header = ", ".join(f"{key}:{value!r}" for key, value in options.items())
    return (f"{_HEADER}{header}\n{body}" if options else body).encode()


def _joined(parts: tuple[bytes | Variable, ...]) -> Iterator[bytes | Variable]:
    """Yield the parts with no two literal ones side by side, and no empty one."""
    literal = b""
    for part in parts:
        if isinstance(part, bytes):
            literal += part
            continue
        if literal:
            yield literal
        literal = b""
        yield part
    if literal:
        yield literal


def _all_dos(parts: list[str | Variable]) -> bool:
    """Whether there are line ends and all are those of DOS."""
    ends = [end for part in parts if isinstance(part, str) for end in re.findall(r"\r\n|\r|\n", part)]
    return bool(ends) and set(ends) == {"\r\n"}


def _returns_apart(parts: list[str | Variable]) -> Iterator[str | Variable]:
    for part in parts:
        if isinstance(part, Variable):
            yield part
            continue
        for piece in re.split(r"(\r)", part):
            if piece:
                yield Variable("\r") if piece == "\r" else piece


def _expression(part: Variable, variable: Callable[[str], str]) -> str:
    return _CARRIAGE_RETURN if part.name == "\r" else variable(part.name)


def _delimiters() -> Iterator[tuple[str, str]]:
    yield from _DELIMITERS
    number = 1
    while True:
        yield f"<{number}< ", f" >{number}>"
        number += 1


def _can_tell(parts: list[str | Variable], pair: tuple[str, str]) -> bool:
    """Whether Jinja sees what starts and ends a variable nowhere but where one is."""
    opening = pair[0].strip()
    starts = {opening, opening[:-1] + "%", opening[:-1] + "#"}
    body = "".join(part if isinstance(part, str) else pair[0] for part in parts)
    seen = sum(1 for at in range(len(body)) if any(body.startswith(start, at) for start in starts))
    return seen == sum(1 for part in parts if isinstance(part, Variable))
