"""Names that lie: a process that calls itself a thread of the kernel, or another program than it is."""

import re
from collections.abc import Mapping, Sequence

from driftscan.explain._programs import PATH, basename, is_interpreter, real
from driftscan.explain.view import View
from driftscan.model.item import Item, Json
from driftscan.model.text import raw, text

# Words with which the kernel names its threads, alone or before a slash, a digit, an underscore.
_THREADS = re.compile(
    r"(?:kworker|ksoftirqd|kthreadd|migration|kswapd\d|khugepaged|kcompactd|kdevtmpfs|kauditd|kintegrityd|kblockd"
    r"|khungtaskd|oom_reaper|writeback|watchdogd?|cpuhp|rcu_\w+|idle_inject|jbd2|scsi_eh|kthrotld|netns|mm_percpu_wq)"
    r"(?:[/\d_:+.-].*)?"
)
_MANY_IN_ONE = frozenset({"busybox", "toybox", "coreutils", "uutils", "sbase-box"})
_SUFFIX = re.compile(r"[-.]?\d[\d.]*$")


def false_name(view: View, item: Item) -> str:
    """Return the name that a process bears falsely, "" if it bears its own."""
    process = item.attributes
    exe = process.get("exe")
    if process.get("kernel") or process.get("container") or not isinstance(exe, str) or process.get("deleted"):
        return ""
    argv: Sequence[str] = process.get("argv") or ()
    word = argv[0] if argv else ""
    if re.fullmatch(r"\[[^\s\]]+\]", word):
        return word
    own = basename(exe)
    name = str(process.get("name") or "")
    for given in (word, name):
        bare = basename(given) if given.startswith(("/", ".")) else given
        if _THREADS.fullmatch(bare) and bare.removesuffix(":") != own:
            return given
    return word if _is_another(view, word, exe, process) else ""


def _is_another(view: View, word: str, exe: str, process: Mapping[str, Json]) -> bool:
    """Return whether `word`, by which a process calls itself, is another program of a package than its executable.

    Titles have blanks or a colon; login shells begin with a dash; an interpreter may take any name; where the name is
    a link to the executable it is one of its own.
    """
    if not word or re.search(r"[\s:]", word) or word.startswith("-") or len(process.get("argv") or ()) < 1:
        return False
    if basename(exe) in _MANY_IN_ONE or (is_interpreter(exe) and process.get("package")):
        return False
    claimed = _claimed(view, word)
    if (
        claimed is None
        or text(claimed) == exe
        or _SUFFIX.sub("", basename(text(claimed))) == _SUFFIX.sub("", basename(exe))
    ):
        return False
    theirs, mine = view.ownership.owner(claimed), process.get("package")
    return bool(theirs) and mine is not None and theirs != mine and basename(word) != basename(exe)


def _claimed(view: View, word: str) -> bytes | None:
    """Return the program that a word names, with links followed: by its path, or the first in the usual directories."""
    paths = [raw(word)] if word.startswith("/") else [b"%s/%s" % (folder, raw(word)) for folder in PATH]
    if not word.startswith("/") and "/" in word:
        return None
    for path in paths:
        there = real(view, path)
        entry = view.directories.entry(there)
        if entry is not None and entry.kind == "f":
            return there
    return None
