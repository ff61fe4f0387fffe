"""What the files of a unit say that its item does not: its type, its whole environment with the secrets by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from driftscan.model.item import Item
from driftscan.model.text import text
from driftscan.role.desk import Desk
from driftscan.role.planners._commands import assignments, environment_file
from driftscan.role.resources import Content, Variable
from driftscan.scopes.units.unit_files import parse_settings

_LISTS = frozenset({"Environment", "EnvironmentFile", "ExecStart"})
_PASSING = frozenset({"oneshot"})


@dataclass(frozen=True, slots=True)
class UnitText:
    """What is told of a unit.

    A secret in `environment` is spelled `<secret:VARIABLE>`, by its variable in the role. `forks`: its command leaves
    the foreground; None where the files were not read. `runtime` are directories of /run that are made for it.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    forks: bool | None = None
    lasting: bool = True
    runtime: tuple[str, ...] = ()


def unit_text(desk: Desk, item: Item) -> UnitText:
    """Return what the files of the unit `item` say; where they are not known, what the item does."""
    has = item.attributes
    paths = [str(path) for path in (has.get("fragment"), *(has.get("dropins") or ())) if path]
    said = [_told(desk, path) for path in paths]
    if not said or any(one is None for one in said):
        found = assignments(str(has.get("environment") or "").split("\n"))
        return UnitText({name: value for name, value in found.items() if "<secret:" not in value})
    settings = _merged(filter(None, said))
    environment = assignments(settings.get("Environment", ()))
    for path in settings.get("EnvironmentFile", ()):
        environment |= environment_file(_told(desk, path.lstrip("-")) or "") if path.lstrip("-").startswith("/") else {}
    kind = (settings.get("Type") or ["simple"])[-1]
    runtime = " ".join(settings.get("RuntimeDirectory", ())).split()
    command = settings.get("ExecStart") or [""]
    return UnitText(
        environment,
        command[-1],
        kind == "forking",
        kind not in _PASSING,
        tuple(f"/run/{name}" for name in runtime if not name.startswith(("/", "."))),
    )


def _told(desk: Desk, path: str) -> str | None:
    content = desk.content(path)
    return None if content is None else spelled(content)


def spelled(content: Content) -> str:
    """Return a content as text, secrets as `<secret:VARIABLE>`."""
    return "".join(f"<secret:{part.name}>" if isinstance(part, Variable) else text(part) for part in content.parts)


def _merged(said: Iterable[str]) -> dict[str, list[str]]:
    """Return the settings of a unit with its drop-ins, as systemd adds them up: an empty value resets."""
    merged: dict[str, list[str]] = {}
    for one in said:
        for key, values in parse_settings(one.splitlines()).items():
            for value in values:
                if not value:
                    merged.pop(key, None)
                elif key in _LISTS:
                    merged.setdefault(key, []).append(value)
                else:
                    merged[key] = [value]
    return merged
