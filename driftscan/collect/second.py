"""The second look: at files that the survey made interesting, less what is known of them from the last snapshot."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache

from driftscan.collect import attributes, reuse, selection, survey
from driftscan.collect.bundle import Task
from driftscan.collect.runner import NOT_RUN, Link, Results, run_more_tasks
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.model.snapshot import Snapshot
from driftscan.model.treebuilder import TreeBuilder
from driftscan.scopes._places import systems
from driftscan.scopes.base import Parsed, Probe, Scope
from driftscan.scopes.files import MOUNTS

_FILES = "files"
Follows = Mapping[str, tuple[Sequence[Probe], Parsed | None]]  # scope -> what it runs, what it keeps (None: nothing)


@dataclass(slots=True)
class Tree:
    """The file tree as it grows, and what was seen on the way."""

    builder: TreeBuilder = field(default_factory=TreeBuilder)
    plan: survey.Plan | None = None
    readers: list[survey.Survey] = field(default_factory=list)
    results: Results = field(default_factory=dict)
    looker: reuse.Looker | None = None
    chosen: selection.Selection | None = None
    before: Snapshot | None = None
    known: reuse.Known | None = None

    @property
    def begun(self) -> bool:
        """Whether any walk had its chance, or there is nothing to walk."""
        walks = [result for (_, name), result in self.results.items() if name != MOUNTS.name]
        return not walks or not all(result.detail.startswith(NOT_RUN) for result in walks)

    @property
    def whole(self) -> bool:
        """Whether the survey has seen all that it was to see."""
        garbled = any(reader.cut for reader in self.readers) or self.builder.strays
        return not garbled and all(result.outcome is Outcome.OK for result in self.results.values())


def follows(
    link: Link, asked: Sequence[Scope], tree: Tree, first: Snapshot, bounded: Callable[[Probe], Probe]
) -> Follows:
    """Return for each scope that looks a second time what it runs, and what still holds of what it said before."""
    since = tree.known.since if tree.known is not None else None
    made: dict[str, tuple[Sequence[Probe], Parsed | None]] = {}
    for scope in asked:
        if scope.follow is None:
            continue
        again = scope.follow.again(first, since) if since is not None else None
        probes, kept = (scope.follow.probes(first), None) if again is None else (again.probes, again.kept)
        made[scope.name] = [bounded(probe) for probe in probes if link.transport.live or not probe.live], kept
    return made


@contextmanager
def files_again(
    link: Link, tree: Tree, first: Snapshot, watch: Callable[[str], None], *, full: bool
) -> Iterator[Callable[[], Results]]:
    """Choose the files that are looked at again, and look at them while the block runs.

    Gives a function that waits for what they show.
    """
    if tree.plan is not None and first.tree:
        tree.chosen = _chosen(tree, first, full=full)
    tasks = [Task(_FILES, probe) for probe in attributes.probes(tree.chosen)] if tree.chosen is not None else []
    with ThreadPoolExecutor(1, thread_name_prefix="files") as pool:
        running = pool.submit(run_more_tasks, link, tasks, watch) if tasks else None

        @cache
        def seen() -> Results:
            results = running.result() if running is not None else {}
            return results | run_more_tasks(link, _refused(tasks, results), watch)

        try:
            yield seen
        except BaseException:
            link.transport.close()  # ends what runs, so that the pool can be left
            raise


def second_look(link: Link, following: Follows, watch: Callable[[str], None], others: Callable[[], Results]) -> Results:
    """Look at what scopes follow up; a host may want to end the look at the files first, for which `others` waits."""
    tasks = [Task(name, probe) for name, (probes, _) in following.items() for probe in probes]
    results = run_more_tasks(link, tasks, watch)
    again = _refused(tasks, results)
    if again:
        others()
    return results | run_more_tasks(link, again, watch)


def _refused(tasks: Sequence[Task], results: Results) -> list[Task]:
    """Return what had no session beside another one."""
    return [task for task in tasks if results[task.scope, task.probe.name].detail.startswith(NOT_RUN)]


def _chosen(tree: Tree, first: Snapshot, *, full: bool) -> selection.Selection:
    """Return which paths are looked at again: all that matter, or only those that are not known from before."""
    known = tree.known
    if known is not None and known.since is not None:
        return selection.select_changed(first, known, known.since.changes)
    chosen = selection.select(first, systems(first), full=full)
    return chosen if known is None else selection.without_known(chosen, known)


def file_items(tree: Tree, first: Snapshot, results: Mapping[str, ProbeResult], packages: str) -> Parsed:
    """Return what the second look at the files has shown, and how it was made; nothing where there was none."""
    if tree.chosen is None or tree.plan is None:
        return Parsed()
    parsed = attributes.parse(results, tree.chosen, tree.plan.skipped)
    if tree.looker is None or not tree.whole:
        return parsed
    known = tree.known
    since = known.since if known is not None else None
    asked = attributes.unread(results, tree.chosen, parsed.items)
    asked |= reuse.restless(first, tree.looker, None if since is None else since.changes)
    absent = tuple(sorted(name for name, result in results.items() if result.outcome is Outcome.ABSENT))
    came = (
        known is not None
        and since is not None
        and any(name in results and name not in absent for name in known.mark.absent)
    )
    mark = reuse.Mark(
        user=tree.looker.user,
        ownership=packages,
        asked=frozenset(asked),
        roots=known.mark.roots if known is not None and since is not None else systems(first),
        whole=not came and all(result.outcome.seen for result in results.values()),
        absent=absent,
        hashed=tree.chosen.hashed,
        attributed=tree.chosen.attributed,
        unhashed=tree.chosen.unhashed,
        left_out=tree.chosen.left_out,
    )
    return replace(parsed, items=[mark.item(), *parsed.items])
