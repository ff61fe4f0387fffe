"""Explains schedules by the package of their file; a line that was added to a packaged crontab is a person's."""

import re
from typing import TYPE_CHECKING

from driftscan.explain._stock import changed, made
from driftscan.explain.base import ItemExplainer
from driftscan.model.explanation import Explanation
from driftscan.model.item import Item
from driftscan.model.text import raw

if TYPE_CHECKING:
    from driftscan.explain.view import View

# The tables that people add to: what distributions ship in them starts the directories of scripts, and nothing else.
_TABLES = ("/etc/crontab", "/etc/anacrontab")
_STOCK = re.compile(r"\brun-parts\b.*?/(?:cron\.(?:hourly|daily|weekly|monthly|yearly)|periodic/\w+)\b")


def explain(view: "View", item: Item) -> Explanation | None:
    """Return the package that a schedule came with; None for one that a person wrote."""
    has = item.attributes
    file = has.get("file")
    if not isinstance(file, str):
        return Explanation("enablement", "", "only a link to it is left") if has.get("kind") == "timer" else None
    if file in _TABLES and not _STOCK.search(str(has.get("command") or "")):
        return Explanation("package", str(has["package"])) if has.get("package") and not changed(view, file) else None
    if has.get("package"):
        return Explanation("package", str(has["package"]))
    if file in _TABLES:
        return Explanation("package", "cron", "starts a directory of scripts")
    if file.startswith("/run/"):
        return Explanation("generated", "systemd", "made at boot")
    if file.startswith(("/var/spool/", "/etc/crontabs/")):
        return None
    return made(view, raw(file))


ITEMS = ItemExplainer("schedules", "the package of the crontab, script or timer", explain)
