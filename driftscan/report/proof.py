"""A proof for people: what was applied where, how much of the host is there again, and what is not, with reasons."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from driftscan.model.proof import ONLY_NEW, Proof, Remainder
from driftscan.model.text import shown
from driftscan.report._drifts import moment, plural
from driftscan.report.as_table import table
from driftscan.report.findings import wrapped

_MOST = 10  # things of one reason that are named
_FAILED = 40  # of those that should be there again
_INDENT = "    "


def told(proof: Proof, width: int, *, everything: bool = False) -> Iterable[str]:
    """Yield the lines of a proof; with `everything` each thing that is not there is named."""
    yield from wrapped(_head(proof), width, "  ")
    if proof.error:
        yield from wrapped(f"  not proven: {shown(proof.error)}", width, _INDENT)
    yield ""
    if proof.fidelity:
        yield from _fidelity(proof, width)
    elif not proof.error:
        yield "  nothing to reproduce: a stock host of its release"
    yield from (f"  {line}" for line in _figures(proof))
    for line in _secrets(proof):
        yield from wrapped(f"  {line}", width, _INDENT)
    failed = [one for one in proof.remainder if one.failed]
    others = [one for one in proof.remainder if not one.failed]
    if failed:
        yield ""
        yield f"Not there again: {plural(len(failed), 'thing')}"
        yield from _failed(failed, width, None if everything else _FAILED)
    if others:
        yield ""
        yield f"Set aside: {plural(len(others), 'thing')}"
        yield from _aside(others, width, None if everything else _MOST)
    yield ""
    yield from wrapped(_verdict(proof), width, "  ")


def _head(proof: Proof) -> str:
    return (
        f"{shown(proof.host)}@{proof.number} (of {moment(proof.taken)}) rebuilt on {shown(proof.blank)} by "
        f"{shown(proof.tool)}, role {shown(proof.role[:12])}, {moment(proof.proven)}"
    )


def _fidelity(proof: Proof, width: int) -> Iterator[str]:
    rows = [
        [one.scope, one.reproduced, one.reproducible, _share(one.reproduced, one.reproducible)]
        for one in proof.fidelity
    ]
    rows.append(["all", proof.reproduced, proof.reproducible, _share(proof.reproduced, proof.reproducible)])
    for line in table(("scope", "reproduced", "of", "fidelity"), rows, width - 2):
        yield f"  {line}"
    yield ""


def _share(part: int, whole: int) -> str:
    """Return a share in percent that is 100 only where nothing is missing."""
    if part == whole:
        return "100 %"
    return f"{int(1000 * part / whole) / 10:.1f} %"


def _figures(proof: Proof) -> Iterator[str]:
    if proof.changed is not None:
        again = "did not come to its end" if proof.again is None else f"changed {proof.again:,}"
        yield f"first run: changed {proof.changed:,}; second run: {again}"
    if proof.error:
        return
    yield f"started anew before the scan: {'yes' if proof.rebooted else 'no'}"
    if proof.blank.startswith("sandbox:"):
        yield "services and listeners: not known, nothing runs in a sandbox"
        return
    for name, (up, wanted) in (("services", proof.services), ("listeners", proof.listeners)):
        yield f"{name}: {up:,} of {wanted:,} up" if wanted else f"{name}: none is wanted"


def _secrets(proof: Proof) -> Iterator[str]:
    if proof.supplied:
        yield f"secrets supplied: {', '.join(map(shown, proof.supplied))}"
    if proof.made_up:
        yield f"secrets made up: {', '.join(map(shown, proof.made_up))}"


def _failed(failed: Sequence[Remainder], width: int, most: int | None) -> Iterator[str]:
    """Yield what should be there: each with its own reason, those of one scope together."""
    for one in failed[:most]:
        yield from wrapped(f"  {_name(one)}: {shown(one.reason)}", width, _INDENT)
    yield from _more(len(failed), most)


def _aside(others: Sequence[Remainder], width: int, most: int | None) -> Iterator[str]:
    """Yield what could not be there, gathered by reason."""
    in_order = sorted(others, key=lambda one: (one.reason, one.scope, one.key))
    for reason, group in groupby(in_order, key=lambda one: one.reason):
        same = list(group)
        yield from wrapped(f"  {shown(reason)}:", width, _INDENT)
        for one in same[:most]:
            yield from wrapped(f"{_INDENT}{_name(one)}", width, _INDENT + "  ")
        yield from _more(len(same), most, _INDENT)


def _more(count: int, most: int | None, indent: str = "  ") -> Iterator[str]:
    if most is not None and count > most:
        yield f"{indent}and {count - most:,} more: --all tells them"


def _name(one: Remainder) -> str:
    return f"{shown(one.scope)} {shown(one.key)}" if one.key else f"{shown(one.scope)}, all of it"


def _verdict(proof: Proof) -> str:
    if proof.holds:
        return "The proof holds: all that can be reproduced is there, and a second run changed nothing."
    reasons = []
    if proof.error:
        reasons.append("the role did not come to its end")
    if missing := proof.reproducible - proof.reproduced:
        reasons.append(f"{plural(missing, 'thing')} not reproduced")
    if extra := sum(one.failed and one.reason == ONLY_NEW for one in proof.remainder):
        reasons.append(f"{plural(extra, 'thing')} {ONLY_NEW}")
    for name, (up, wanted) in (("service", proof.services), ("listener", proof.listeners)):
        if up < wanted:
            reasons.append(f"{plural(wanted - up, name)} not up")
    if proof.again:
        reasons.append(f"a second run changed {proof.again:,}")
    if not proof.seen:
        reasons.append("a host was not seen whole")
    return f"The proof does not hold: {', '.join(reasons) or 'there was no second run'}."
