"""What a process runs: its executable, the script that an interpreter was given, and whose those are."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from driftscan.model.item import Item, Json
from driftscan.model.ownership import resolve
from driftscan.model.text import raw, text

if TYPE_CHECKING:
    from driftscan.explain.view import View

PATH = (b"/usr/local/sbin", b"/usr/local/bin", b"/usr/sbin", b"/usr/bin", b"/sbin", b"/bin")
_INTERPRETER = re.compile(
    r"(?:python|pypy|perl|ruby|php|php-cgi|lua|tclsh|guile|node|nodejs|deno|bun|java|mono|dotnet|Rscript"
    r"|sh|bash|dash|ash|ksh|mksh|zsh|fish|awk|gawk|mawk|expect)-?[\d.]*"
)
# What follows these words is their value; code that is given on the command line is no script.
_TAKES_VALUE = frozenset(
    {
        "-W", "-X", "-r", "-R", "-I", "-d", "-o", "-O", "-cp", "-classpath", "-p", "--require", "--import",
        "--loader", "--rcfile", "--init-file", "--define",
    }
)  # fmt: skip
_IS_CODE = frozenset(
    {
        "-c", "-e", "-E", "-m", "-n", "--eval", "--print", "--command", "-version", "--version",
    }
)  # fmt: skip
_IS_FILE = frozenset(
    {
        "-jar", "-f", "--file", "-S",
    }
)  # fmt: skip


def basename(path: str) -> str:
    """Return what follows the last slash."""
    return path.rpartition("/")[2]


def is_interpreter(exe: str) -> bool:
    """Return whether an executable runs what it is given as a file, as python3.11, node, java and sh do."""
    return _INTERPRETER.fullmatch(basename(exe)) is not None


def real(view: "View", path: bytes) -> bytes:
    """Return where `path` leads in the end; itself where that cannot be told."""
    return resolve(path, view.snapshot.links) or path


def owner(view: "View", path: bytes) -> str:
    """Return the package that owns `path` or what it leads to, "" if none."""
    return view.ownership.owner(path) or view.ownership.owner(real(view, path))


def script(view: "View", process: Mapping[str, Json]) -> bytes | None:
    """Return the absolute path of the script that a process runs; None where it is no interpreter or has no file."""
    argv: Sequence[str] = process.get("argv") or ()
    if not is_interpreter(str(process.get("exe") or (argv[0] if argv else ""))) and not _venv(view, argv):
        return None
    word = script_word(argv[1:])
    if word is None:
        return None
    path = raw(word)
    if not path.startswith(b"/"):
        cwd = process.get("cwd")
        if not isinstance(cwd, str):
            return None
        path = b"%s/%s" % (raw(cwd), path)
    return real(view, path)


def _venv(view: "View", argv: Sequence[str]) -> bool:
    """Return whether the first word is a link to an interpreter, as in a virtual environment."""
    return bool(argv) and argv[0].startswith("/") and is_interpreter(text(real(view, raw(argv[0]))))


def script_word(words: Sequence[str]) -> str | None:
    """Return the first of an interpreter's arguments that is a file."""
    skip = False
    for at, word in enumerate(words):
        if skip:
            skip = False
        elif word in _IS_CODE:
            return None
        elif word in _IS_FILE:
            return words[at + 1] if at + 1 < len(words) else None
        elif word in _TAKES_VALUE:
            skip = True
        elif not word.startswith("-"):
            return word if word and not word.isspace() else None
    return None


def strange_program(view: "View", process: Mapping[str, Json]) -> str | None:
    """Return the path of the program of a process if no package owns it: the executable, or what an interpreter runs.

    None too where nothing is known of it: inside a container, or not shown.
    """
    exe = process.get("exe")
    if not isinstance(exe, str) or process.get("container"):
        return None
    path = script(view, process) if process.get("package") is not None else None
    if path is not None and not owner(view, path):
        return text(path)
    if process.get("package") == "":
        return exe
    if not process.get("package"):
        return None
    argv: Sequence[str] = process.get("argv") or ()
    if is_interpreter(exe) and argv and argv[0].startswith("/") and not owner_of_link(view, raw(argv[0])):
        return argv[0]
    return None


def owner_of_link(view: "View", path: bytes) -> str:
    """Return the package of `path` itself, though it leads elsewhere; alternatives count as their target's."""
    if view.ownership.owner(path):
        return view.ownership.owner(path)
    link = view.snapshot.links.get(view.ownership.canonical(path), b"")
    return view.ownership.owner(real(view, path)) if not link or link.startswith(b"/etc/alternatives/") else ""


def process_of(view: "View", item: Item) -> Item | None:
    """Return the process that holds a socket: by its number, else by what it looks like."""
    pids = set(item.volatile.get("pid") or ())
    alike = None
    for process in view.of("processes"):
        if pids & set(process.volatile.get("pid") or ()):
            return process
        same = ("exe", "command", "unit", "container")
        if all(process.attributes.get(name) == item.attributes.get(name) for name in same):
            alike = alike or process
    return alike
