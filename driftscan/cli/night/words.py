"""Values of the nightly run's options: spans of time, files for reports."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from driftscan.errors import UsageError
from driftscan.model.text import shown

_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhdw]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = 366 * 86400
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def seconds(option: str, text: str) -> float:
    """Return a span of time (`90`, `90s`, `30m`, `6h`, `7d`) in seconds; UsageError, with the option's name."""
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or float(found[1]) * _UNITS[found[2]] > _LONGEST:
        raise UsageError(f"{option} {shown(text)!r} is no span of time", hint="use seconds, or 90s, 30m, 6h, 7d")
    return float(found[1]) * _UNITS[found[2]]


def time_of_day(text: str) -> tuple[int, int]:
    """Return hour and minute of `02:30`."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"--at {shown(text)!r} is no time of the day", hint="use hours and minutes: 02:30")
    return int(found[1]), int(found[2])


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report that is wanted: its format's name, and the file that it goes to."""

    format_name: str
    path: Path


def report_files(texts: list[str], prometheus: Path | None) -> list[ReportFile]:
    """Return the reports that are wanted (`json=FILE`); UsageError where one cannot be written or has no format."""
    from driftscan.report.base import check_formats, choose

    wanted = []
    for text in texts:
        name, sign, path = text.partition("=")
        if not sign or not path:
            raise UsageError(
                f"--report {shown(text)!r} names no file", hint="expected FORMAT=FILE, as in json=night.json"
            )
        wanted.append(ReportFile(name, Path(path)))
    if prometheus is not None:
        wanted.append(ReportFile("prometheus", prometheus))
    for report in wanted:
        choose(check_formats(), report.format_name)
        if not os.path.isdir(report.path.absolute().parent) or os.path.isdir(report.path):  # noqa: PTH112 -- never raises
            raise UsageError(f"no report can be written to {shown(str(report.path))}", hint="is the directory there?")
    return wanted
