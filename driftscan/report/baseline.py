"""What decides on a thing, for people and for programs."""

from collections.abc import Iterator, Mapping, Sequence
from json import dumps
from typing import Any

from driftscan.model.item import Json
from driftscan.model.text import shown
from driftscan.report.findings import wrapped

_WORDS = {
    "declared": "declared by {where}",
    "absent": "declared not to be there by {where}",
    "tree": "declared as a whole, with {words}, by {where}",
    "data": "in {words}, where anything goes by {where}",
    "ignored": "ignored by {where} ({words})",
    "accepted": "accepted by {where} ({words})",
    "accepted once": "was accepted by {where} ({words})",
    "nothing": "no line names it; {words}",
}


def as_json(told: Sequence[Mapping[str, Json]], _width: int) -> Iterator[str]:
    """Yield the decisions as one JSON document."""
    yield dumps(list(told), indent=2)


def as_text(told: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    """Yield the decisions for a person, one after the other."""
    for number, one in enumerate(told):
        if number:
            yield ""
        yield f"{one['scope']} {shown(one['key'])}"
        for number_of, ruling in enumerate(one["decides"]):
            words = _WORDS[ruling["what"]].format(where=ruling["where"], words=ruling["words"])
            said = f": {_attributes(one['declared'])}" if ruling["what"] == "declared" and one["declared"] else ""
            yield from _wrapped(("also " if number_of else "") + words + said, width)
        if one["host"]:
            yield from _wrapped(_found(one), width)
            for drift in one["drift"]:
                yield from _wrapped(f"drift: {drift}", width)
        if one["line"]:
            yield "  to declare it" + (f" as it is on {shown(one['host'])}:" if one.get("there") else ":")
            yield from (f"    {line}" for line in one["line"].splitlines())


def _found(one: Mapping[str, Any]) -> str:
    host = shown(one["host"])
    if one["changes_by_itself"]:
        return f"on {host}: changes by itself and is not compared: {one['changes_by_itself']}"
    if not one["there"]:
        return f"on {host}: not there" + (f"; {one['explanation']} has it" if one["explanation"] else "")
    where = f"part of {shown(one['part_of'])}, which is compared as a whole: " if one["part_of"] else ""
    told = [_attributes(one["found"])] if one["found"] else ["there"]
    if one["explanation"]:
        told.append(f"explained: {one['explanation']}")
    elif one["declared"] is None:
        told.append("nothing explains it")
    return f"on {host}: {where}{'; '.join(told)}"


def _attributes(attributes: Mapping[str, Json]) -> str:
    return ", ".join(
        f"{name} {value if isinstance(value, str) else dumps(value)}" for name, value in attributes.items()
    )


def _wrapped(line: str, width: int) -> list[str]:
    return wrapped(f"  {shown(line)}", width, "    ")
