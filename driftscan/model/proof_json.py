"""Proofs as JSON objects, and back: what a report for machines says and what the store keeps."""

from collections.abc import Mapping
from datetime import datetime

from driftscan.model.item import Json
from driftscan.model.proof import Fidelity, Proof, Remainder


def to_json(proof: Proof) -> dict[str, Json]:
    """Return a proof as an object of strings, numbers, lists and objects; times are ISO 8601.

    `holds`, `reproduced` and `reproducible` follow from the rest: they are there for those who read it.
    """
    return {
        "host": proof.host,
        "number": proof.number,
        "taken": proof.taken.isoformat(),
        "role": proof.role,
        "tool": proof.tool,
        "blank": proof.blank,
        "proven": proof.proven.isoformat(),
        "holds": proof.holds,
        "reproduced": proof.reproduced,
        "reproducible": proof.reproducible,
        "changed": proof.changed,
        "again": proof.again,
        "rebooted": proof.rebooted,
        "fidelity": [
            {"scope": one.scope, "reproduced": one.reproduced, "reproducible": one.reproducible}
            for one in proof.fidelity
        ],
        "services": _pair(proof.services),
        "listeners": _pair(proof.listeners),
        "remainder": [
            {"scope": one.scope, "key": one.key, "reason": one.reason, "failed": one.failed} for one in proof.remainder
        ],
        "supplied": list(proof.supplied),
        "made_up": list(proof.made_up),
        "data": list(proof.data),
        "seen": proof.seen,
        "error": proof.error,
    }


def from_json(document: Mapping[str, Json]) -> Proof:
    """Return the proof that `to_json` was given; raises KeyError, TypeError or ValueError for anything else."""
    return Proof(
        host=document["host"],
        number=document["number"],
        taken=datetime.fromisoformat(document["taken"]),
        role=document["role"],
        tool=document["tool"],
        blank=document["blank"],
        proven=datetime.fromisoformat(document["proven"]),
        changed=document["changed"],
        again=document["again"],
        rebooted=document["rebooted"],
        fidelity=tuple(Fidelity(**one) for one in document["fidelity"]),
        services=(document["services"]["up"], document["services"]["wanted"]),
        listeners=(document["listeners"]["up"], document["listeners"]["wanted"]),
        remainder=tuple(Remainder(**one) for one in document["remainder"]),
        supplied=tuple(document["supplied"]),
        made_up=tuple(document["made_up"]),
        data=tuple(document["data"]),
        seen=document["seen"],
        error=document["error"],
    )


def _pair(counted: tuple[int, int]) -> dict[str, int]:
    return {"up": counted[0], "wanted": counted[1]}
