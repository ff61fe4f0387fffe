"""Choices that a rebuilt host must be given again: time zone and locale."""

import re
from collections.abc import Iterator

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity

LOCAL = Rule(
    "setting-local",
    Severity.INFO,
    "system",
    "is what this host was set to",
    "set it on the rebuilt host too, or decide against it",
    needs=("system",),
    doc="Programs read dates, sort and answer otherwise in another zone or language: jobs run at other hours, scripts "
    "that read messages fail. A rebuilt host starts with the installer's choice.\n\nUTC and the plain locales (C, "
    "POSIX, American English) are no choice.",
)
_PLAIN = {
    "timezone": re.compile(r"(?i)(?:etc/)?(?:utc|uct|gmt(?:[+-]?0)?|zulu|universal|greenwich)"),
    "locale": re.compile(r"(?i)(?:c|posix|en|en_us)(?:\.[\w-]+)?"),
}


def find(view: View) -> Iterator[Finding]:
    """Name the settings that are not as an installer leaves them."""
    for fact, plain in _PLAIN.items():
        value = view.facts.get(fact)
        if value and not plain.fullmatch(str(value)):
            yield LOCAL.finding(str(value), {"setting": fact})


FAMILY = Family((LOCAL,), find)
