"""The collector: one scan of one host, from an open connection to a snapshot."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from driftscan.collect import attributes, survey
from driftscan.collect.assemble import Seen, assemble
from driftscan.collect.bundle import Task, by_scope
from driftscan.collect.runner import NOT_RUN, Link, Results, run_more_tasks, run_tasks
from driftscan.errors import TransportError
from driftscan.model.garbage import no_garbage_collection
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.ownership import Ownership
from driftscan.model.snapshot import Snapshot
from driftscan.model.tree import TreeBuilder
from driftscan.scopes.base import Parsed, Probe, Scope, scopes
from driftscan.scopes.files import MOUNTS
from driftscan.transport.base import CommandTimeout

if TYPE_CHECKING:
    from concurrent.futures import Future

_FILES = "files"
Progress = Callable[[str, int], None]  # the scope in hand, entries of the file tree so far


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be collected: `scopes` by name (all of them when empty), `full` hashes every packaged file.

    `timeout` is how many seconds a small probe may take, where that is less than its own limit. Walking and hashing
    the files keep theirs: they take as long as the disk is large.
    """

    scopes: tuple[str, ...] = ()
    full: bool = False
    timeout: float | None = None

    def bounded(self, probe: Probe) -> Probe:
        """Return a small probe with the timeout that is wished for."""
        return probe if self.timeout is None else replace(probe, timeout=min(probe.timeout, self.timeout))

    def asked(self) -> list[Scope]:
        """Return the scopes that are collected; what is derived from the files comes with them."""
        wanted = set(self.scopes) or set(scopes())
        if any(scopes()[name].derive or scopes()[name].follow for name in wanted):
            wanted |= {_FILES, "packages"}
        return [scope for name, scope in scopes().items() if name in wanted]


@dataclass(slots=True)
class _Tree:
    """The file tree as it grows, and what was seen on the way."""

    builder: TreeBuilder = field(default_factory=TreeBuilder)
    plan: survey.Plan | None = None
    readers: list[survey.Survey] = field(default_factory=list)
    results: Results = field(default_factory=dict)
    chosen: attributes.Selection | None = None


def collect(name: str, link: Link, wish: Wish, progress: Progress = lambda _scope, _files: None) -> Snapshot:
    """Scan the host behind `link` and return what was seen under `name`.

    Raises TransportError when the host shows nothing at all; what else goes wrong is told by the coverage.
    """
    taken, started = datetime.now(timezone.utc), time.monotonic()
    asked = [scope for scope in wish.asked() if _can_look(scope, link)]
    tree = _Tree()

    def watch(scope: str) -> None:
        progress(scope, tree.builder.entries)

    with no_garbage_collection():
        small, parsed = _both_lanes(link, wish, asked, tree, watch)
        built = tree.builder.finish()
        ownership = _ownership(parsed, small, tree.builder)
        first = Snapshot(
            host=name,
            taken=taken,
            seconds=0.0,
            transport=link.transport.name,
            items=[item for one in parsed.values() for item in one.items],
            coverage={},
            tree=built.tree,
            stats=built.stats,
            objects=built.objects,
            manifests=parsed["packages"].manifests if "packages" in parsed else (),
            files=built.entries,
            known_links=tree.builder.links,
            known_ownership=ownership,
        )
        again = _second_look(link, wish, asked, tree, first, watch)
        for scope in asked:
            if scope.follow is not None:
                parsed[scope.name] = _both(parsed[scope.name], scope.follow.parse(first, by_scope(again, scope.name)))
        if any(scope.name == _FILES for scope in asked):
            parsed[_FILES] = _attributes(tree, by_scope(again, _FILES))
        tree.results |= again
        small |= {task: result for task, result in again.items() if task[0] != _FILES}
        seen = [Seen(scope, _results(scope, small, tree), parsed[scope.name]) for scope in asked]
        items, coverage = assemble(seen, ownership)
    return replace(first, seconds=time.monotonic() - started, items=items, coverage=coverage)


def _both(first: Parsed, second: Parsed) -> Parsed:
    """Return what a scope made of its first look and of its second together."""
    return Parsed(
        items=[*first.items, *second.items],
        unparsed={**first.unparsed, **second.unparsed},
        denied={**first.denied, **second.denied},
        manifests=[*first.manifests, *second.manifests],
        notes=[*first.notes, *second.notes],
    )


def _can_look(scope: Scope, link: Link) -> bool:
    """Whether there is a way to look at all: what needs a running kernel is not looked at in an image."""
    follows = scope.derive is not None or scope.follow is not None
    return link.transport.live or follows or any(not probe.live for probe in scope.probes)


def _both_lanes(
    link: Link, wish: Wish, asked: Sequence[Scope], tree: _Tree, watch: Callable[[str], None]
) -> tuple[Results, dict[str, Parsed]]:
    """Run the survey of the files on one channel while all small probes run on another."""
    psutil = link.transport.local and not link.privilege.sudo
    local = {scope.name: scope.local for scope in asked if scope.local is not None and psutil}
    tasks = [
        Task(scope.name, wish.bounded(probe))
        for scope in asked
        if scope.name != _FILES and scope.name not in local
        for probe in scope.probes
        if link.transport.live or not probe.live
    ]
    with ThreadPoolExecutor(1, thread_name_prefix="survey") as pool:
        try:
            files = any(scope.name == _FILES for scope in asked)
            walking = pool.submit(_walk, link, wish, tree, watch) if files else None
            results = _small(link, tasks, watch, walking)
            parsed = {name: look() for name, look in local.items()}
            for scope in asked:  # here, for the survey takes longer
                if scope.name not in parsed and scope.name != _FILES:
                    parsed[scope.name] = scope.parse(by_scope(results, scope.name))
            if walking is not None:
                _finish(walking, link, wish, tree, watch)
        except BaseException:
            link.transport.close()  # ends the other lane, so that the pool can be left
            raise
    return results, parsed


def _small(link: Link, tasks: Sequence[Task], watch: Callable[[str], None], walking: "Future[None] | None") -> Results:
    """Run the small probes; where the host lets nobody have two sessions at a time, when the survey is over."""
    if not tasks:
        return {}
    try:
        return run_tasks(link, tasks, watch)
    except CommandTimeout:
        raise
    except TransportError:
        if walking is None or walking.exception() is not None:
            raise
        return run_tasks(link, tasks, watch)


def _finish(walking: "Future[None]", link: Link, wish: Wish, tree: _Tree, watch: Callable[[str], None]) -> None:
    """Wait for the survey; where it was let have no session beside the small probes, it has one now."""
    error = walking.exception()
    if isinstance(error, TransportError) and not isinstance(error, CommandTimeout):
        _walk(link, wish, tree, watch)
    elif error is not None:
        raise error


def _walk(link: Link, wish: Wish, tree: _Tree, watch: Callable[[str], None]) -> None:
    tree.results |= run_tasks(link, [Task(_FILES, wish.bounded(MOUNTS))], watch)
    shown = tree.results[_FILES, MOUNTS.name]
    if shown.outcome is not Outcome.OK:
        return
    tree.plan = survey.plan(shown.stdout, link.transport.root.encode("utf-8", "surrogateescape"))
    separator = secrets.token_hex(8)
    tasks = []
    for step in tree.plan.walks:
        reader = survey.Survey(tree.builder, step, "" if tree.plan.gnu else separator)
        tree.readers.append(reader)
        tasks.append(Task(_FILES, survey.walk_probe(step, tree.plan, separator), consumer=reader))
    tree.results |= run_more_tasks(link, tasks, watch)


def _ownership(parsed: dict[str, Parsed], small: Results, builder: TreeBuilder) -> Ownership | None:
    """Return whose the files are; None where the package database was not seen whole."""
    packages = parsed.get("packages")
    if packages is None:
        return None
    outcomes = [result.outcome for result in by_scope(small, "packages").values()]
    if not outcomes or not (packages.manifests or all(outcome.seen for outcome in outcomes)):
        return None
    return Ownership(packages.manifests, builder.links)


def _second_look(
    link: Link,
    wish: Wish,
    asked: Sequence[Scope],
    tree: _Tree,
    first: Snapshot,
    watch: Callable[[str], None],
) -> Results:
    """Look again: at the attributes of the paths that the survey made interesting, and at what scopes follow up."""
    tasks = [
        Task(scope.name, wish.bounded(probe))
        for scope in asked
        if scope.follow is not None
        for probe in scope.follow.probes(first)
        if link.transport.live or not probe.live
    ]
    if tree.plan is not None and first.tree and any(scope.name == _FILES for scope in asked):
        tree.chosen = attributes.select(first, first.ownership or Ownership((), {}), full=wish.full)
        tasks += [Task(_FILES, probe) for probe in attributes.probes(tree.chosen)]
    hashing = [task for task in tasks if task.probe.name.startswith("digest")]
    others = [task for task in tasks if task not in hashing]
    with ThreadPoolExecutor(1, thread_name_prefix="hashing") as pool:  # reads content, while the others read inodes
        digests = pool.submit(run_more_tasks, link, hashing, watch) if hashing else None
        results = run_more_tasks(link, others, watch) if others else {}
        results |= digests.result() if digests else {}
    refused = [task for task in tasks if results[task.scope, task.probe.name].detail.startswith(NOT_RUN)]
    return results | (run_more_tasks(link, refused, watch) if refused else {})  # one after the other, now


def _attributes(tree: _Tree, results: Mapping[str, ProbeResult]) -> Parsed:
    """Return what the second look at the files has shown; nothing where there was none."""
    if tree.chosen is None or tree.plan is None:
        return Parsed()
    return attributes.parse(results, tree.chosen, tree.plan.skipped)


def _results(scope: Scope, small: Results, tree: _Tree) -> list[ProbeResult]:
    if scope.name != _FILES:
        return list(by_scope(small, scope.name).values())
    results = list(by_scope(tree.results, _FILES).values())
    if any(reader.cut for reader in tree.readers) or tree.builder.strays:
        results.append(ProbeResult("records", Outcome.UNPARSED, detail="the list of files was cut or garbled"))
    return results
