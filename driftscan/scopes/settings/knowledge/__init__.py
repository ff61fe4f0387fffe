"""Tables of facts about the world that scopes and rules read; each is made by a script in tools/, none is typed."""

from functools import cache
from importlib.resources import files


@cache
def sysctl_defaults() -> dict[str, tuple[str, ...]]:
    """Return the values that kernels give a sysctl by themselves, by its path below /proc/sys; blanks are single."""
    rows = (line.split("\t") for line in _lines("sysctl_defaults.tsv"))
    return {path: tuple(values) for path, *values in rows}


@cache
def sysctl_kernels() -> tuple[tuple[int, int], ...]:
    """Return the releases, major and minor, of the kernels that `sysctl_defaults` was read from."""
    comments = (line.removeprefix("# from ") for line in _text("sysctl_defaults.tsv") if line.startswith("# from "))
    numbers = (comment.removeprefix("linux-image-").split(".") for comment in comments)
    return tuple(sorted((int(major), int(minor)) for major, minor, *_ in numbers))


def _lines(name: str) -> list[str]:
    return [line for line in _text(name) if line and not line.startswith("#")]


def _text(name: str) -> list[str]:
    return (files(__package__) / name).read_text("utf-8").split("\n")
