"""Blockers that a rebuild leaves behind: data, secrets, programs without a source, processes that nobody explains."""

from collections.abc import Iterator

from driftscan.model.amount import amount
from driftscan.model.verdict import Blocker
from driftscan.prove._case import Case
from driftscan.role.model import Data


def left(case: Case) -> Iterator[Blocker]:
    """Yield what the new host does not have, or not from anybody who vouches for it."""
    for data in case.role.data:
        yield Blocker("data", data.path, _data(data), "move it to the new host, or decide that it may be lost")
    for process in case.role.processes:
        advice = "find out what it is for: let a unit start it, or let it go"
        yield Blocker("process", process.command, f"runs as {process.user}: {process.why}", advice)
    yield from _secrets(case)
    yield from _programs(case)


def _programs(case: Case) -> Iterator[Blocker]:
    """Yield programs that nobody can have again; the proof knows whether they could be copied, not a role from here."""
    lacking = {one.key for one in case.proof.remainder} if case.proof else set()
    for program in case.role.programs:
        if program.path in lacking:
            yield Blocker("program", program.path, f"{program.why}; the new host lacks it", "find it, or do without")
        else:
            yield Blocker("program", program.path, program.why, "find its source, or vouch for the copy")


def _data(data: Data) -> str:
    size = "" if data.size is None else amount(data.size)
    return ", ".join(filter(None, [data.engine, size, data.why]))


def _secrets(case: Case) -> Iterator[Blocker]:
    """Yield the secrets that the new host was not given: by a proof those that it made up, else all of the role."""
    known = {one.variable: one for one in case.role.secrets}
    proof = case.proof
    if proof is None or proof.error:
        missing = set(known) - set(proof.supplied if proof else ())
        advice = "supply it when the role is proven"
    else:
        missing = set(proof.made_up)
        advice = f"supply it: driftscan prove {case.host} --on BLANK, with the secrets"
    for variable in sorted(missing):
        secret = known.get(variable)
        where = f", in {', '.join(secret.paths[:3])}" if secret and secret.paths else ""
        yield Blocker("secret", variable, f"{secret.what if secret else 'a secret'}{where}", advice)
