"""Reads the golden baseline of a role, its layers put together."""

from pathlib import Path

from driftscan.baseline.complaint import BaselineError
from driftscan.baseline.layers import find, merged, read_layers
from driftscan.baseline.model import Baseline

__all__ = ["BaselineError", "find", "load"]


def load(path: Path) -> Baseline:
    """Return the baseline in a file and the files it extends; BaselineError names the line of a mistake.

    A file without a role is one of the role that it is named after. An acceptance that has ended is still among the
    acceptances: whoever compares knows the day.
    """
    layers = read_layers(path)
    refused = next((one for one in layers.complaints if one.severity == "error"), None)
    if refused:
        raise BaselineError(refused)
    return merged(layers.found)
