"""The scope `kernel`: sysctls that files set or that are not as the kernel makes them, modules, boot parameters."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from driftscan.model.item import Column, Item, Json
from driftscan.model.redaction import redact
from driftscan.scopes._common import blind_spots, not_understood, numbered
from driftscan.scopes.base import ItemScope, Parsed, Results
from driftscan.scopes.settings import modules, sysctl
from driftscan.scopes.settings.knowledge import sysctl_defaults
from driftscan.scopes.settings.sysctl import Live, Setting
from driftscan.scopes.units.manager import INIT, runs_systemd

COLUMNS = (
    Column("kind", "text", "sysctl, module, parameter (of the boot)"),
    Column("name", "text", "Key with dots, perhaps with wildcards; the module's name; the parameter's name"),
    Column(
        "configured",
        "text",
        "What files set it to; of a module load, blacklist, options …; none: nothing does",
        golden=True,
    ),
    Column("file", "text", "File that sets it, of several the one that counts"),
    Column(
        "live",
        "text",
        "Value that the kernel has now; of a module: loaded, built in, absent; none: not known",
        golden=True,
    ),
    Column("writable", "boolean", "Whether the host can set it: not where it is its machine's, as in a container"),
    Column("package", "text", "Package that owns the file", owner_of="file"),
)


def parse(results: Results) -> Parsed:
    """Turn what the probes brought into one item per setting, module and parameter that has something to tell."""
    found, strange, unread = sysctl.settings(results, systemd=runs_systemd(results))
    live = sysctl.parse_live(results.get(sysctl.LIVE.name))
    items = list(_sysctls(sysctl.effective(found, live), live))
    said, odd = modules.modules(results.get(modules.FILES.name))
    items += _modules(said, results)
    items += _parameters(results, live)
    denied, unparsed = blind_spots(results)
    for probe, lines in ((sysctl.FILES, strange), (modules.FILES, odd)):
        if lines:
            unparsed[probe.name] = not_understood(lines)
    notes = [f"{file} is not read by this host's init: what it sets is left out" for file in unread]
    return Parsed(items=items, unparsed=unparsed, denied=denied, notes=notes)


def _sysctls(known: dict[str, Setting], live: Live) -> Iterator[Item]:
    """Yield what files set, then what differs from the kernel's own defaults though no file sets it."""
    for path, setting in sorted(known.items()):
        if setting.value:
            yield _sysctl(path, setting.value, setting.file, sysctl.value_now(path, known, live), live)
    patterns = [setting for path, setting in known.items() if sysctl.is_pattern(path)]
    for path, defaults in sorted(sysctl_defaults().items()):
        value = live.values.get(path)
        set_here = path in known and known[path].value
        if value is None or value in defaults or set_here or not live.writable(path):
            continue
        covers = [] if path in known else [one for one in patterns if fnmatchcase(path, one.path)]
        yield _sysctl(path, covers[-1].value if covers else None, covers[-1].file if covers else None, value, live)


def _sysctl(path: str, configured: str | None, file: str | None, value: str | None, live: Live) -> Item:
    name = sysctl.key_of(path)
    return _item("sysctl", name, _safe(name, configured), file, _safe(name, value), live.writable(path))


def _safe(name: str, value: str | None) -> str | None:
    """Return a value of a key without what may be secret."""
    return None if value is None else redact(f"{name}={value}").text.partition("=")[2]


def _modules(said: list[modules.Configured], results: Results) -> Iterator[Item]:
    shown = results.get(modules.LOADED.name)
    now = modules.loaded(shown)
    unknown = None if shown is None or not shown.stdout else "absent"
    told = {one.name for one in said}
    for one in said:
        yield _item("module", one.name, redact(one.what).text, one.file, now.get(one.name, unknown), None)
    for name, how in now.items():
        if how == "loaded" and name not in told:
            yield _item("module", name, None, None, how, None)


def _parameters(results: Results, live: Live) -> Iterator[Item]:
    """Yield the boot parameters; each is told once, with what a file says of it where one does."""
    words = list(modules.booted(results.get(modules.BOOTED.name)))
    known = modules.BOOTED.name in results and bool(words)
    for one in modules.configured(results.get(modules.BOOT_FILES.name)):
        now = None
        if one.what in words:
            words.remove(one.what)
            now = one.what
        yield _item("parameter", one.name, one.what, one.file, now if now or not known else "", None)
    if live.writable("kernel") is not False:  # those of a container's machine are none of its own
        for word in words:
            yield _item("parameter", word.partition("=")[0], None, None, word, None)


def _item(
    kind: str, name: str, configured: str | None, file: str | None, live: str | None, writable: bool | None
) -> Item:
    if kind == "parameter":
        configured, live = (None if value is None else redact(value).text for value in (configured, live))
    told: dict[str, Json] = {
        "kind": kind, "name": name, "configured": configured, "file": file, "live": live, "writable": writable,
    }  # fmt: skip
    return Item("kernel", f"{kind} {name}", told)


def _parse(results: Results) -> Parsed:
    parsed = parse(results)
    keys = numbered(item.key for item in parsed.items)
    items = [Item(item.scope, key, item.attributes) for key, item in zip(keys, parsed.items, strict=True)]
    return Parsed(items, parsed.unparsed, parsed.denied, notes=parsed.notes)


SCOPE = ItemScope(
    name="kernel",
    doc="Kernel settings that files or people have set, modules, boot parameters: what is on disk and what is live",
    columns=COLUMNS,
    probes=(sysctl.FILES, sysctl.TUNED, sysctl.LIVE, *modules.PROBES, INIT),
    parse=_parse,
)
