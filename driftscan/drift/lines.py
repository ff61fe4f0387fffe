"""Lines that a file must have."""

from driftscan.explain.view import View
from driftscan.model.item import Json


def lacking(view: View, path: str, lines: Json) -> list[str] | None:
    """Return those of `lines` that the file at `path` has not; None where its text is not known.

    The text of files that are as their package brought them, or too large, is not kept.
    """
    wanted = [str(line) for line in lines] if isinstance(lines, list) else [str(lines)]
    for item in view.of("contents"):
        if item.key == path and isinstance(item.attributes.get("text"), str):
            there = {line.rstrip("\r") for line in str(item.attributes["text"]).split("\n")}
            return [line for line in wanted if line not in there]
    return None
