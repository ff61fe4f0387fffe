"""Plans what starts: units and init scripts by hand, and packaged ones that are not as their packages leave them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from driftscan.drift.subject import Subject
from driftscan.model.item import Item
from driftscan.role.desk import Desk, Planned, Planner
from driftscan.role.handlers import handlers_for, is_systemd
from driftscan.role.model import LeftOut
from driftscan.role.planners._enablement import Enablement, links_of, script_links
from driftscan.role.planners._inittab import entry
from driftscan.role.resources import Service, Why

_SCOPE = "services"
_RUNS = frozenset({"active", "reloading", "activating"})
_STARTED = "unit-not-enabled-but-running"
_DISABLED = "unit-disabled"
_RC_LOCAL = "rc-local.service"


def _plan(desk: Desk) -> Iterator[Planned]:
    yield from _Services(desk).all()


@dataclass
class _Services:
    """The services of one role; each is planned once, with all that is to be said of it."""

    desk: Desk
    made: dict[str, Service] = field(default_factory=dict)

    def all(self) -> Iterator[Planned]:
        desk = self.desk
        named = {(one.rule, one.subject) for one in desk.judgement.findings if one.scope == _SCOPE}
        enablement = Enablement(desk)
        for item in desk.view.of(_SCOPE):
            subject = desk.subjects.get((_SCOPE, item.key))
            if subject is None or item.attributes.get("alias_of") or desk.refusal(_SCOPE, item.key):
                continue
            name = str(item.attributes.get("name"))
            if desk.wants(subject):
                yield from self._by_hand(subject, item)
            elif (_DISABLED, name) in named or enablement.is_taken_back(item):
                stopped = False if item.attributes.get("active") == "inactive" else None
                self._add(item, "its package enables it, and somebody disabled it", enabled=False, active=stopped)
            elif enablement.is_by_hand(item):
                words = "its package leaves it disabled, and somebody enabled it"
                self._add(item, words, enabled=True, active=_is_active(item))
            if (_STARTED, name) in named:
                yield LeftOut(_SCOPE, item.key, "it runs, but nothing starts it")
        self._configured()
        yield from (self.made[name] for name in sorted(self.made))

    def _add(
        self, item: Item, words: str, *, enabled: bool | None = None, active: bool | None = None, masked: bool = False
    ) -> None:
        name = str(item.attributes.get("name"))
        why = Why(_SCOPE, item.key, words)
        manager = str(item.attributes.get("manager"))
        self.made[name] = Service(why=why, name=name, manager=manager, enabled=enabled, active=active, masked=masked)

    def _by_hand(self, subject: Subject, item: Item) -> Iterator[Planned]:
        manager = item.attributes.get("manager")
        if manager == "systemd":
            self._unit(item)
        elif manager == "sysv":
            self._script(item)
        elif manager == "rc.local":
            yield from self._rc_local(item)
        elif manager == "inittab":
            yield from entry(self.desk, subject, item)
        else:
            yield LeftOut(_SCOPE, item.key, f"services of {manager} cannot be written yet", limit=True)

    def _unit(self, item: Item) -> None:
        has, name = item.attributes, str(item.attributes.get("name"))
        fragment = str(has.get("fragment") or "")
        if has.get("load") == "masked":
            if fragment.startswith("/etc/"):
                self._add(item, "somebody masked it: nothing may start it", masked=True)
                self.desk.taken.add(fragment)
        elif has.get("enabled") == "enabled" and "@." not in name:
            self._add(item, "written by somebody, and enabled", enabled=True, active=_is_active(item))
            self.desk.taken.update(links_of(self.desk.view, item))

    def _script(self, item: Item) -> None:
        """Plan an init script; systemd makes a unit of one that none replaces."""
        if item.attributes.get("enabled") != "enabled" or item.attributes.get("replaced_by"):
            return
        name = str(item.attributes.get("name"))
        words = "an init script by somebody, started at boot"
        self.desk.taken.update(script_links(self.desk.view, item))
        if is_systemd(self.desk.view):
            unit = f"{name}.service"
            known = self.desk.subjects.get((_SCOPE, unit))
            active = _is_active(known.item) if known is not None and known.item is not None else None
            why = Why(_SCOPE, item.key, words)
            self.made[unit] = Service(why=why, name=unit, manager="systemd", enabled=True, active=active)
        else:
            self._add(item, words, enabled=True, active=True if self._tells_its_state(item) else None)

    def _tells_its_state(self, item: Item) -> bool:
        """Whether an init script can be asked if it runs; one that cannot is started by the handler of its file."""
        fragment = item.attributes.get("fragment")
        texts = (one.attributes.get("text") for one in self.desk.view.of("contents") if one.key == fragment)
        return any(isinstance(told, str) and "status" in told for told in texts)

    def _rc_local(self, item: Item) -> Iterator[Planned]:
        if item.attributes.get("enabled") != "enabled":
            yield LeftOut(_SCOPE, item.key, f"nothing runs it: {item.attributes.get('enabled')}")
        elif is_systemd(self.desk.view) and (_SCOPE, _RC_LOCAL) in self.desk.subjects:
            why = Why(_SCOPE, item.key, "it runs commands at boot")
            self.made[_RC_LOCAL] = Service(why=why, name=_RC_LOCAL, manager="systemd", active=True)
            self.desk.taken.update(links_of(self.desk.view, item))

    def _configured(self) -> None:
        """Let packaged services run whose configuration is another: they may not have come up with their package's."""
        view = self.desk.view
        services = {f"restart {item.attributes.get('name')}": item for item in view.of(_SCOPE)}
        for subject in sorted(self.desk.of("files"), key=lambda one: (not one.deviates, one.key)):
            for handler in handlers_for(subject.key, view):
                item = services.get(handler.name)
                if item is None or not _is_active(item) or not item.attributes.get("package"):
                    continue
                name, enabled = str(item.attributes.get("name")), item.attributes.get("enabled")
                if name in self.made:
                    if self.made[name].active is None and self.made[name].enabled is not False:
                        self.made[name] = replace(self.made[name], active=True)
                elif enabled == "enabled" and not self.desk.refusal(_SCOPE, item.key):
                    self._add(item, f"it reads {subject.key}, which is no stock", active=True)


def _is_active(item: Item) -> bool | None:
    """Return True for what runs or waits; None for what does not: it may have ended, as it should."""
    return True if item.attributes.get("active") in _RUNS else None


PLANNER = Planner("services", 60, _plan)
