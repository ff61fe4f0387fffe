"""The texts of configuration files as a scan kept them, with placeholders where secrets were."""

import re

from driftscan.explain.view import View

SECRET = re.compile(r"<secret(?::[^<>\n]*)?>")


def text_of(view: View, path: str) -> str | None:
    """Return what a file says; None where that was not kept."""
    for item in view.of("contents"):
        if item.key == path:
            told = item.attributes.get("text")
            return told if isinstance(told, str) else None
    return None
