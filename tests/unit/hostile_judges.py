"""How each format is judged: what reads it takes it, and nothing in it acts on a terminal."""

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import yaml
from jsonschema import Draft4Validator, FormatChecker
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from driftscan.emit.base import Emitted
from driftscan.model.text import shown
from tests.unit.checks_made import dangerous

Judge = Callable[[str], None]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARKUP = {"html_block", "html_inline", "link_open", "image", "blockquote_open", "em_open", "s_open", "hr"}
_NUMBER = re.compile(r"-?[0-9.]+(?:e[+-]?[0-9]+)?")


def terminal(told: str) -> None:
    """Hold what a person sees: every character is shown, none acts."""
    assert dangerous(told) == []
    told.encode()


def as_json(told: str) -> Any:
    terminal(told)
    return json.loads(told)


def as_json_lines(told: str) -> None:
    for line in told.splitlines():
        as_json(line)


def as_csv(told: str) -> None:
    """Hold a table: as many cells in every row, and none that a spreadsheet would reckon with."""
    terminal(told)
    found = list(csv.reader(io.StringIO(told + "\n", newline=""), strict=True))
    assert {len(cells) for cells in found} == {len(found[0])}
    for cells in found:
        for cell in cells:
            assert not cell.startswith(_FORMULA) or _NUMBER.fullmatch(cell), cell


def as_markdown(told: str) -> None:
    """Hold a page: no markup but code, tables, lists and headings that begin where driftscan begins them."""
    terminal(told)
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(told)
    assert not _MARKUP & {token.type for token in tokens}
    assert not _MARKUP & {child.type for token in tokens for child in token.children or ()}


def as_xml(told: str) -> None:
    terminal(told)
    ET.fromstring(told)


@cache
def _sarif() -> Draft4Validator:
    document = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.schema.json").read_text())
    return Draft4Validator(document, format_checker=FormatChecker())


def as_sarif(told: str) -> None:
    assert next(_sarif().iter_errors(as_json(told)), None) is None


def as_prometheus(told: str) -> None:
    terminal(told)
    names = [family.name for family in text_string_to_metric_families(told + "\n")]
    assert names
    assert len(names) == len(set(names))


def as_yaml(told: str) -> None:
    terminal(told)
    yaml.safe_load(told)


# --- what emitters make


class _Loader(yaml.SafeLoader):
    """Reads YAML as Ansible does; what is marked !unsafe is text in which nothing is read."""


class Unsafe(str):
    """Text that Ansible never reads as a template."""

    __slots__ = ()


_Loader.add_constructor("!unsafe", lambda loader, node: Unsafe(loader.construct_scalar(node)))
_OWN = re.compile(r"\{\{ *[a-z_][a-z0-9_.|()'\[\] -]*\}\}")  # driftscan's own: a variable, with a filter or two


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for part in [*node, *node.values()] if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _texts(part)


def ansible(emitted: Emitted) -> None:
    """Hold a role: YAML in which no text of the host is a template."""
    for path, output in emitted.files.items():
        if path.endswith((".yml", ".yaml")) and not path.startswith(("files/", "templates/")):
            for told in _texts(yaml.load(output.data, _Loader)):  # a SafeLoader
                if not isinstance(told, Unsafe):
                    assert not re.search(r"\{[{%#]", _OWN.sub("", told)), (path, told)


def _shell(data: bytes) -> None:
    done = subprocess.run(["sh", "-n"], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def shell(emitted: Emitted) -> None:
    """Hold a script: sh reads it. That values arrive byte for byte is held by test_emit_shell."""
    for path, output in emitted.files.items():
        if path.endswith(".sh") and not path.startswith("files/"):
            _shell(output.data)


_INSTRUCTIONS = frozenset(
    [
        "ARG",
        "FROM",
        "LABEL",
        "ENV",
        "RUN",
        "COPY",
        "ADD",
        "USER",
        "WORKDIR",
        "EXPOSE",
        "VOLUME",
        "ENTRYPOINT",
        "CMD",
        "STOPSIGNAL",
    ]
)


def dockerfile(emitted: Emitted) -> None:
    """Hold images: every line is a comment, an instruction, or goes on with one."""
    for path, output in emitted.files.items():
        if path.endswith("/Containerfile"):
            told = output.data.decode()
            terminal(told.replace("\t", " "))
            goes_on = False
            for line in told.splitlines():
                words = line.split(maxsplit=1)
                assert goes_on or not words or words[0].startswith("#") or words[0] in _INSTRUCTIONS, line
                goes_on = line.endswith("\\") if not line.lstrip().startswith("#") else goes_on
        if path.endswith("/start/start"):
            _shell(output.data)


EMITTED: Mapping[str, Callable[[Emitted], None]] = {"ansible": ansible, "dockerfile": dockerfile, "shell": shell}


def holds(told: str, value: str, *, cut: bool = False) -> bool:
    """Whether a report for people has a value: escaped, blanks aside, its beginning where it may be cut."""
    words = "".join(shown(value).split())
    return (words[:12] if cut else words) in "".join(told.split())
