"""The JSON Schema of baseline files, made from the scopes, for editors and for those who check in git."""

from collections.abc import Iterable, Mapping

from driftscan.baseline.lists import ACCEPT, IGNORE, SEVERITY, named_scopes
from driftscan.baseline.vocabulary import (
    ABSENT,
    DATA,
    DIGEST,
    KINDS,
    MODE,
    POLICIES,
    PRESENT,
    SEVERITIES,
    TREES,
    VERSION,
    WORD,
    Attribute,
    Form,
    Section,
    attribute_names,
    sections,
)
from driftscan.model.item import Json

_PLAIN = ["string", "number", "boolean"]  # YAML's readers take a word for these; driftscan reads it as it is spelled
_PATH = r"^/(.*[^/])?$"
_INTEGER = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^[+-]?[0-9]{1,400}$"}]}
_WORDS = {"path": "a path or a shell pattern of paths; all below it is meant too", "key": "a key or a shell pattern"}
_FORMS: Mapping[Form, Mapping[str, Json]] = {
    "text": {"type": [*_PLAIN, "null"]},
    "integer": _INTEGER,
    "real": {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[+-]?[0-9.]+([eE][+-]?[0-9]+)?$"}]},
    "boolean": {"enum": [True, False, "true", "false", "True", "False", "TRUE", "FALSE"]},
    "json": {"type": ["array", "object"]},
    "version": {
        "type": ["string", "number"],
        "pattern": f"^({VERSION})$",
        "examples": ["any", ">= 1.22", ">= 1.2, < 2", "1.22.1-9"],
    },
    "mode": {"type": ["string", "integer"], "pattern": f"^{MODE}$", "examples": ["0644"]},
    "digest": {"type": "string", "pattern": f"^{DIGEST}$"},
    "lines": {"type": "array", "minItems": 1, "items": {"type": _PLAIN, "pattern": r"^[^\n]*$"}},
}


def schema() -> dict[str, Json]:
    """Return the JSON Schema 2020-12 of a baseline file."""
    name = {"type": ["string", "integer"], "pattern": f"^{WORD}$"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "driftscan baseline",
        "description": "What the hosts of a role should be, or a layer of that",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            "role": {**name, "description": "The role that the inventory gives to hosts"},
            "extends": {
                "description": "Files beside this one, by name without ending; later ones, and this file, win",
                "anyOf": [name, {"type": ["array", "null"], "items": name}],
            },
            **{scope: _section(section) for scope, section in sections().items()},
            TREES: _trees(),
            "others": {
                "description": "What holds for what is not declared: explained is the default",
                **_table({scope: {"enum": list(POLICIES)} for scope in sections()}),
            },
            "ignore": _list(IGNORE, ("reason",), "What is not compared"),
            "severity": _list(SEVERITY, ("severity",), "How grave a drift is; of several that fit the last counts"),
            "accept": _list(ACCEPT, ("why", "who", "until"), "Drifts that a person has accepted"),
        },
    }


def _table(properties: Mapping[str, Json]) -> dict[str, Json]:
    return {"type": ["object", "null"], "additionalProperties": False, "properties": dict(properties)}


def _section(section: Section) -> dict[str, Json]:
    table = _table({one.name: _attribute(one) for one in section.attributes.values()})
    words: Json = {"enum": [ABSENT, PRESENT]}
    if section.short:
        words = {key: value for key, value in _FORMS["version"].items() if key != "examples"}
    found: dict[str, Json] = {
        "description": section.doc,
        "type": ["object", "null"],
        "additionalProperties": {"anyOf": [words, table]},
    }
    return {**found, "propertyNames": {"pattern": _PATH}} if section.paths else found


def _attribute(attribute: Attribute) -> dict[str, Json]:
    form = _FORMS[attribute.form]
    if attribute.form == "lines":
        return {"description": attribute.doc, **form}
    return {"description": attribute.doc, "anyOf": [form, {"type": "null"}]}


def _trees() -> dict[str, Json]:
    digest = {
        "type": "object",
        "additionalProperties": False,
        "required": ["digest"],
        "properties": {"digest": _FORMS["digest"]},
    }
    return {
        "description": "Directories as a whole: by their digest, or data, of which anything goes",
        "type": ["object", "null"],
        "propertyNames": {"pattern": _PATH},
        "additionalProperties": {"anyOf": [{"enum": [DATA]}, digest]},
    }


def _list(words: Iterable[str], required: tuple[str, ...], doc: str) -> dict[str, Json]:
    text = {"type": _PLAIN, "pattern": r"[\s\S]"}
    forms: dict[str, Json] = {
        "scope": {"enum": list(named_scopes())},
        "path": {"type": "string", "pattern": "^/", "description": _WORDS["path"]},
        "key": {**text, "description": _WORDS["key"]},
        "kind": {"enum": list(KINDS)},
        "attribute": {"enum": list(attribute_names())},
        "severity": {"enum": list(SEVERITIES)},
        "until": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$", "description": "The last day on which it holds"},
    }
    item: dict[str, Json] = {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {word: forms.get(word, text) for word in words},
        "not": {"required": ["key", "path"]},
    }
    if "attribute" in item["properties"]:
        item["allOf"] = [_attribute_of(section) for section in sections().values()]
    if required == ("reason",):
        item["anyOf"] = [{"required": ["key"]}, {"required": ["path"]}]
    elif "until" in required:
        item["anyOf"] = [{"required": ["scope", "key"]}, {"required": ["path"]}]
    return {"description": doc, "type": ["array", "null"], "items": item}


def _attribute_of(section: Section) -> dict[str, Json]:
    """Return the rule that an attribute is one of its scope's."""
    named = {"properties": {"scope": {"const": section.scope}}, "required": ["scope"]}
    return {"if": named, "then": {"properties": {"attribute": {"enum": list(section.attributes)}}}}
