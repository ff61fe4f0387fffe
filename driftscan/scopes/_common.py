"""What the parsers of several scopes share: lines that arrived whole, times, words for what was not understood."""

from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timezone

from driftscan.model.outcome import Outcome
from driftscan.model.text import shown, text
from driftscan.scopes.base import Probe, Results

# A line of a probe that reads what the kernel says of itself: nothing follows from its not being there in a /proc that
# is not mounted, or with subset=pid only. Every whole one has a version.
PROC_WHOLE = "[ -e /proc/version ] || ds_denied '/proc is not shown whole'"


def whole_lines(data: bytes) -> list[bytes]:
    """Return the lines of `data` that end in a newline: a last one that does not was cut off, and could mislead."""
    return data.split(b"\n")[:-1]


def iso_time(seconds: float) -> str | None:
    """Return a time in seconds since 1970 as `2024-01-31T10:20:30Z`; None when it is no time."""
    if not 0 < seconds < 1 << 40:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return None


def number(data: bytes) -> int | None:
    """Return `data` as a decimal number of at most 18 digits; None when it is none."""
    return int(data) if data.isdigit() and len(data) <= 18 else None


def not_understood(strange: Sequence[bytes], what: str = "lines") -> str:
    """Return the words for `Parsed.unparsed`; "" when nothing was strange."""
    if not strange:
        return ""
    return f"{len(strange)} {what} not understood, the first: {shown(text(strange[0][:80]))}"


def blind_spots(results: Results) -> tuple[dict[str, str], dict[str, str]]:
    """Return `denied` and `unparsed` for `Parsed`: the files that probes could not show, by the probes' names."""
    denied, failed = {}, {}
    for name, result in results.items():
        closed = [shown(text(file.path)) for file in result.files if file.outcome is Outcome.DENIED]
        strange = [shown(text(file.path)) for file in result.files if file.outcome is Outcome.FAILED]
        if closed:
            denied[name] = ", ".join(closed)
        if strange:
            failed[name] = f"not a regular file, or over 1 MiB: {', '.join(strange)}"
    return denied, failed


def numbered(keys: Iterable[str]) -> list[str]:
    """Return `keys` with `#2`, `#3` … behind those that were there before, so that each is unique."""
    seen: dict[str, int] = {}
    out = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        out.append(key if seen[key] == 1 else f"{key}#{seen[key]}")
    return out


def within(path: bytes, tops: Container[bytes]) -> bool:
    """Whether the absolute `path` is one of `tops`, or below one."""
    while path:
        if path in tops:
            return True
        path = path.rpartition(b"/")[0]
    return b"/" in tops


def shell_words(paths: Iterable[bytes]) -> list[str]:
    """Return `paths` as words of a shell line, quoted."""
    return [shell_word(path.decode("utf-8", "surrogateescape")) for path in paths]


def shell_word(word: str) -> str:
    """Return `word` quoted for the shell."""
    return "'" + word.replace("'", "'\\''") + "'"


def show_files(name: str, paths: Iterable[bytes], timeout: float = 120.0) -> Probe:
    """Return a probe that shows the files at `paths`, absolute and without `$R`, whole (see `ProbeResult.files`)."""
    script = file_calls(paths) or "ds_absent 'nothing to look at'"
    return Probe(name, script, timeout=timeout, limit=256 << 20)


def file_calls(paths: Iterable[bytes], at_once: int = 100) -> str:
    """Return a script that shows the files at `paths`, some at once: one by one each would cost a process."""
    words = shell_words(paths)
    some = (words[at : at + at_once] for at in range(0, len(words), at_once))
    return "\n".join("ds_file " + " \\\n".join(several) for several in some)
