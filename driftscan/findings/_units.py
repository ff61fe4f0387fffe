"""What the rules on units share: their directories, the programs of their commands, which timer starts them."""

from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.model.item import Item

PACKAGED_UNITS = (b"/usr/lib/systemd/system", b"/lib/systemd/system")
_FOLDERS = ("/etc/systemd/system.control/", "/etc/systemd/system/", "/usr/local/lib/systemd/system/")


def short(path: str) -> str:
    """Return the path of a unit file or drop-in below its unit directory: `nginx.service.d/override.conf`."""
    return next((path.removeprefix(folder) for folder in _FOLDERS if path.startswith(folder)), path)


def programs(command: str) -> Iterator[tuple[str, bool]]:
    """Yield the absolute programs of an ExecStart, one command a line, and whether they may fail (a leading -)."""
    for line in command.splitlines():
        word = next(iter(line.split()), "").strip("\"'")
        bare = word.lstrip("-@:+!|")
        if bare.startswith("/") and not set(bare) & set("$%*"):
            yield bare, "-" in word[: len(word) - len(bare)]


def triggered(view: View, item: Item) -> bool:
    """Return whether a service is started by a timer of a person's and by nothing else: it is told with the timer."""
    name = str(item.attributes.get("name"))
    if item.attributes.get("wanted_by") or item.attributes.get("kind") != "service":
        return False
    return any(
        timer.attributes.get("unit") == name and timer.attributes.get("package") == ""
        for timer in view.of("schedules")
        if timer.attributes.get("kind") == "timer"
    )
