"""Proving on the command line: the role of a host, a place for it, and the proof that is kept."""

import os
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from driftscan.cli.options import Shared, ask
from driftscan.errors import UsageError

if TYPE_CHECKING:
    from driftscan.cli.building import Built
    from driftscan.emit.base import Emitted
    from driftscan.explain.view import View
    from driftscan.model.host import Host
    from driftscan.model.proof import Proof
    from driftscan.prove.apply import Log
    from driftscan.prove.ground import Ground
    from driftscan.prove.rebuild import Rebuilt
    from driftscan.prove.values import Values
    from driftscan.store import Store

_TOLD = 10  # changes of a second run that are named


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for; the fields are the options of the command."""

    shared: Shared
    host: str
    on: str | None
    sandbox: Path | None
    tool: str
    secrets: Path | None
    secrets_from_host: bool
    restart: bool
    force: bool
    steer: Path | None
    baseline: Path | None
    name: str
    offline: bool
    output: Path | None


def proven(asked: Asked) -> "Proof":
    """Rebuild the host and return the proof, which is kept; errors before anything was applied are raised."""
    from driftscan.cli.building import build
    from driftscan.emit.base import emitters

    blank = _checked(asked)
    with asked.shared.store() as store:
        built = build(
            asked.shared,
            store,
            asked.host,
            steer=asked.steer,
            hashes=asked.secrets_from_host,
            baseline=asked.baseline,
            name=asked.name,
            offline=asked.offline,
        )
        values = _values(asked, built)
        emitted = emitters()[asked.tool].emit(built.role)
        _write(asked, emitted)
        with ExitStack() as held:
            return _rebuilt(asked, store, built, blank, values, emitted, held)


def _checked(asked: Asked) -> "Host | None":
    """Return the blank host, None for a sandbox; UsageError for what can be told to be wrong before the work."""
    from driftscan.prove.ansible import program
    from driftscan.prove.blank import refuse_itself

    if (asked.on is None) == (asked.sandbox is None):
        raise UsageError("a proof needs a place", hint="name a blank host with --on, or a root with --sandbox")
    if asked.sandbox is not None and asked.tool != "shell":
        raise UsageError(f"{asked.tool} cannot reach into a sandbox", hint="leave --with out, or use --with shell")
    if asked.secrets_from_host and asked.offline:
        raise UsageError("--secrets-from-host needs the host, and --offline asks nothing of it")
    if asked.output is not None and asked.output.exists() and not _is_empty(asked.output):
        raise UsageError(f"{asked.output} is there already", hint="name a new directory")
    if asked.tool == "ansible":
        program()
    if asked.on is None:
        return None
    blank = asked.shared.one_target(asked.on).host
    refuse_itself(asked.shared.one_target(asked.host).host, blank)
    return blank


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _values(asked: Asked, built: "Built") -> "Values":
    """Return a value for each secret of the role: a person's word comes before the host's."""
    from driftscan.emit.ansible import variable
    from driftscan.prove.values import read, settle

    names = {variable(built.role, one.variable): one.variable for one in built.role.secrets}  # as its README has them
    known = built.secrets.values() if asked.secrets_from_host else {}
    given = {name: value for name, value in known.items() if name in names.values()}
    told = read(asked.secrets) if asked.secrets else {}
    return settle(built.role.secrets, {**given, **{names.get(name, name): value for name, value in told.items()}})


def _write(asked: Asked, emitted: "Emitted") -> None:
    """Write the role where a person wants to have it, and name what its tool cannot express."""
    from driftscan.model.text import shown
    from driftscan.prove.apply import write_out

    if asked.output is not None:
        write_out(emitted, asked.output)
    if not asked.shared.quiet:
        for one in emitted.refused:
            what = f"{type(one.resource).__name__.lower()} {shown(one.resource.why.key)}"
            typer.echo(f"driftscan: {asked.tool} cannot make {what}: {shown(one.reason)}", err=True)


def _rebuilt(
    asked: Asked,
    store: "Store",
    built: "Built",
    blank: "Host | None",
    values: "Values",
    emitted: "Emitted",
    held: ExitStack,
) -> "Proof":
    """Do it and keep the proof; what the tool said is kept too, unless the proof holds."""
    from driftscan.cli.judging import view
    from driftscan.cli.progress import Progress
    from driftscan.prove.apply import Log
    from driftscan.prove.ground import Work
    from driftscan.prove.rebuild import Original, rebuild
    from driftscan.role.steering import Steering, load

    progress = held.enter_context(Progress([], quiet=asked.shared.quiet))
    directory = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="driftscan-")))  # mode 0700
    ground = held.enter_context(closing(_ground(asked, blank)))

    def watch(words: str) -> None:
        progress.step(ground.name, words, 0)

    before = view(store, ground.scan(watch))
    _refuse(built, before, force=asked.force)
    steering = load(asked.steer) if asked.steer else Steering()
    log = Log(_log_path(), values.all.values())
    done = rebuild(
        Original(built.view, built.stored.id, built.role, steering),
        ground,
        before,
        Work(built.role, asked.tool, emitted, values, directory, log),
        lambda snapshot: view(store, snapshot),
        watch,
        restart=asked.restart,
    )
    progress.done(ground.name)
    if done.snapshot is not None and blank is not None:
        store.save(done.snapshot, blank.role)
    store.keep_proof(done.proof)
    _note(asked, done, log)
    return done.proof


def _ground(asked: Asked, blank: "Host | None") -> "Ground":
    from driftscan.cli.scan import wish
    from driftscan.prove.ground import BlankHost, SandboxRoot

    wanted = wish(None, full=False, timeout=asked.shared.timeout)
    if blank is not None:
        return BlankHost(blank, wanted, ask)
    return SandboxRoot(Path(asked.sandbox or ""), wanted)


def _refuse(built: "Built", before: "View", *, force: bool) -> None:
    """Raise UsageError for a host that must not be written on, or is not fit to be."""
    from driftscan.prove.blank import refuse_other, refuse_same, refuse_used

    if before.snapshot.transport != "image":  # a copy of the host itself may be
        refuse_same(built.view.snapshot, before.snapshot)
    if not force:
        refuse_other(built.role, before.snapshot)
        refuse_used(built.view, before)


def _log_path() -> Path:
    descriptor, name = tempfile.mkstemp(prefix="driftscan-prove-", suffix=".log")  # mode 0600
    os.close(descriptor)
    return Path(name)


def _note(asked: Asked, done: "Rebuilt", log: "Log") -> None:
    """Say what a second run changed and where the log is; that of a proof that holds is not kept."""
    from driftscan.model.text import shown

    if done.proof.holds:
        log.path.unlink(missing_ok=True)
        return
    if asked.shared.quiet:
        return
    if done.proof.again:
        for what in done.again[:_TOLD]:
            typer.echo(f"driftscan: changed again: {shown(what)}", err=True)
    typer.echo(f"driftscan: what {asked.tool} said is in {log.path}", err=True)
