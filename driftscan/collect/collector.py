"""The collector: one scan of one host, from an open connection to a snapshot."""

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from driftscan.collect import reuse, survey
from driftscan.collect.assemble import Seen, assemble, both
from driftscan.collect.bundle import Task, by_scope
from driftscan.collect.runner import Link, Results, run_more_tasks, run_tasks
from driftscan.collect.second import Tree, file_items, files_again, follows, second_look
from driftscan.errors import TransportError
from driftscan.model.garbage import no_garbage_collection
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.ownership import Ownership
from driftscan.model.snapshot import Snapshot
from driftscan.model.treebuilder import TreeBuilder
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


def collect(
    name: str,
    link: Link,
    wish: Wish,
    progress: Progress = lambda _scope, _files: None,
    before: Callable[[], Snapshot | None] = lambda: None,
) -> Snapshot:
    """Scan the host behind `link` and return what was seen under `name`.

    `before` gives the last snapshot of the same host: what it tells of files that are as they were is not looked at
    again, unless everything is to be verified. Raises TransportError when the host shows nothing at all; what else
    goes wrong is told by the coverage.
    """
    taken, started = datetime.now(timezone.utc), time.monotonic()
    tree = Tree()

    def watch(scope: str) -> None:
        progress(scope, tree.builder.entries)

    with no_garbage_collection():
        whole = wish.full or link.record is not None  # a recording is to hold all of it
        asked, small, parsed = _both_lanes(link, wish, tree, watch, (lambda: None) if whole else before)
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
        packages = reuse.fingerprint(first.manifests)
        if tree.whole:
            tree.known = reuse.known(tree.before, first, tree.looker, packages)
        first.search.expect(sought for scope in asked if scope.follow is not None for sought in scope.follow.sought)
        with files_again(link, tree, first, watch, full=wish.full) as files:
            following = follows(link, asked, tree, first, wish.bounded)
            again = second_look(link, following, watch, files)
            for scope in asked:
                if scope.follow is not None:
                    probes, kept = following[scope.name]
                    if kept is None or probes:
                        found = scope.follow.parse(first, by_scope(again, scope.name))
                        kept = found if kept is None else both(kept, found)
                    parsed[scope.name] = both(parsed[scope.name], kept)
            again |= files()
        if any(scope.name == _FILES for scope in asked):
            parsed[_FILES] = file_items(tree, first, by_scope(again, _FILES), packages)
        tree.results |= again
        small |= {task: result for task, result in again.items() if task[0] != _FILES}
        seen = [Seen(scope, _results(scope, small, tree), parsed[scope.name]) for scope in asked]
        items, coverage = assemble(seen, ownership, link.privilege.refused)
    return replace(first, seconds=time.monotonic() - started, items=items, coverage=coverage)


def _can_look(scope: Scope, link: Link) -> bool:
    """Whether there is a way to look at all: what needs a running kernel is not looked at in an image."""
    follows = scope.derive is not None or scope.follow is not None
    return link.transport.live or follows or any(not probe.live for probe in scope.probes)


def _both_lanes(
    link: Link,
    wish: Wish,
    tree: Tree,
    watch: Callable[[str], None],
    before: Callable[[], Snapshot | None],
) -> tuple[list[Scope], Results, dict[str, Parsed]]:
    """Run the survey of the files on one channel while all small probes run on another.

    Returns the scopes that were looked at, what their probes brought, and what was made of it by name.
    """
    psutil = link.transport.local and not link.privilege.sudo
    with ThreadPoolExecutor(1, thread_name_prefix="survey") as pool:
        try:
            # Where all is asked for, the walk begins before the scopes are loaded, which takes its time.
            walking = None if wish.scopes else pool.submit(_walk, link, wish, tree, watch)
            asked = [scope for scope in wish.asked() if _can_look(scope, link)]
            if wish.scopes and any(scope.name == _FILES for scope in asked):
                walking = pool.submit(_walk, link, wish, tree, watch)
            local = {scope.name: scope.local for scope in asked if scope.local is not None and psutil}
            tasks = [
                Task(scope.name, wish.bounded(probe))
                for scope in asked
                if scope.name != _FILES and scope.name not in local
                for probe in scope.probes
                if link.transport.live or not probe.live
            ]
            results = _small(link, tasks, watch, walking)
            parsed = {name: look() for name, look in local.items()}
            for scope in asked:  # here, for the survey takes longer
                if scope.name not in parsed and scope.name != _FILES:
                    parsed[scope.name] = scope.parse(by_scope(results, scope.name))
            results = _emptied(results)
            if walking is not None:
                tree.before = before()
                _finish(walking, link, wish, tree, watch)
        except BaseException:
            link.transport.close()  # ends the other lane, so that the pool can be left
            raise
    return asked, results, parsed


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


def _finish(walking: "Future[None]", link: Link, wish: Wish, tree: Tree, watch: Callable[[str], None]) -> None:
    """Wait for the survey; where it was let have no session beside the small probes, it has one now."""
    error = walking.exception()
    if isinstance(error, TransportError) and not isinstance(error, CommandTimeout):
        _walk(link, wish, tree, watch)
    elif error is not None:
        raise error
    elif not tree.begun:
        with suppress(TransportError):  # which is told of each walk already
            _walk(link, wish, tree, watch)


def _walk(link: Link, wish: Wish, tree: Tree, watch: Callable[[str], None]) -> None:
    tree.results |= run_tasks(link, [Task(_FILES, wish.bounded(probe)) for probe in (MOUNTS, reuse.LOOKER)], watch)
    tree.looker = reuse.looker(tree.results.pop((_FILES, reuse.LOOKER.name), None))
    shown = tree.results[_FILES, MOUNTS.name]
    if not shown.stdout:
        return
    tree.plan = survey.plan(shown.stdout, link.transport.root.encode("utf-8", "surrogateescape"))
    separator = secrets.token_hex(8)
    tasks, tree.readers = [], []
    for step in tree.plan.walks:
        reader = survey.Survey(tree.builder, step, "" if tree.plan.gnu else separator)
        tree.readers.append(reader)
        tasks.append(Task(_FILES, survey.walk_probe(step, tree.plan, separator), consumer=reader))
    tree.results |= run_more_tasks(link, tasks, watch)


def _emptied(results: Results) -> Results:
    """Return what became of probes without what they showed: it is parsed, and may be large."""
    return {
        name: replace(result, stdout=b"", files=tuple(replace(file, data=b"") for file in result.files))
        for name, result in results.items()
    }


def _ownership(parsed: dict[str, Parsed], small: Results, builder: TreeBuilder) -> Ownership | None:
    """Return whose the files are; None where the package database was not seen whole."""
    packages = parsed.get("packages")
    if packages is None:
        return None
    outcomes = [result.outcome for result in by_scope(small, "packages").values()]
    if not outcomes or not (packages.manifests or all(outcome.seen for outcome in outcomes)):
        return None
    return Ownership(packages.manifests, builder.links)


def _results(scope: Scope, small: Results, tree: Tree) -> list[ProbeResult]:
    if scope.name != _FILES:
        return list(by_scope(small, scope.name).values())
    walks = {} if tree.plan is None else {survey.walk_name(walk): walk for walk in tree.plan.walks}
    results = [
        survey.with_names(walks[name], result) if name in walks else result
        for name, result in by_scope(tree.results, _FILES).items()
    ]
    if any(reader.cut for reader in tree.readers) or tree.builder.strays:
        results.append(ProbeResult("records", Outcome.UNPARSED, detail="the list of files was cut or garbled"))
    return results
