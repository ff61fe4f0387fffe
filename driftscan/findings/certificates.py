"""Certificates that no longer hold, soon will not, or vouch for themselves."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from driftscan.explain.view import View
from driftscan.findings.base import Family, Rule
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item, Json

ENDED = Rule(
    "certificate-ended",
    Severity.HIGH,
    "certificates",
    "the certificate holds no more",
    "renew it and restart what uses it; remove it if nothing does",
    needs=("certificates",),
    doc="""\
Clients refuse a service whose certificate has ended, or are told to stop checking, which is worse.

Judged by the end that the certificate names and the time of the snapshot. One that configuration names, or that has a \
private key beside it, is in use: high. Any other is low: a certificate of somebody else, kept for trust. One that was \
renewed (the same subject, in the same directory, holds longer) says nothing, as in /etc/letsencrypt/archive.

It is wrong where the file is kept on purpose, and where the snapshot's time is not that of the service's clients.""",
)
ENDS = Rule(
    "certificate-ends",
    Severity.MEDIUM,
    "certificates",
    "the certificate ends within 30 days",
    "renew it, and find out why nothing has done so",
    needs=("certificates",),
    doc="""\
What renews by itself does so about 30 days before the end: a certificate that is closer to it is renewed by hand, or \
its renewal has failed.

Judged as certificate-ended is: medium where it is in use, low where it is not. Certificates that never hold longer \
than 40 days are left to what makes them.""",
)
SELF_SIGNED = Rule(
    "certificate-self-signed",
    Severity.LOW,
    "certificates",
    "the certificate vouches for itself",
    "have it signed by an authority that clients know, or write down which clients were told to trust it",
    needs=("certificates",),
    doc="""\
Whoever connects has been told to trust this very certificate, or checks nothing. That knowledge lies on other \
machines, and a rebuild with a new certificate breaks them.

Judged by its signature. An authority's own certificate is no finding: that it signs itself is how it works. `openssl \
req -x509` makes every certificate an authority; one that names hosts or has its key beside it, and that configuration \
names, is a server's all the same.""",
)

_SOON = timedelta(days=30)
_SHORT = timedelta(days=40)


class _Certificate(NamedTuple):
    item: Item
    start: datetime | None
    end: datetime

    def says(self, name: str) -> Json:
        return self.item.attributes.get(name)

    @property
    def in_use(self) -> bool:
        return bool(self.says("used_by") or self.says("key_path"))


def find(view: View) -> Iterator[Finding]:
    """Judge every certificate that was not renewed meanwhile."""
    taken = view.snapshot.taken
    known = [found for item in view.of("certificates") if (found := _certificate(item)) is not None]
    last: dict[tuple[str, str], datetime] = {}
    for one in known:
        last[_place(one)] = max(last.get(_place(one), one.end), one.end)
    for one in known:
        if one.end < last[_place(one)]:
            continue
        brief = one.start is not None and one.end - one.start < _SHORT and not one.says("self_signed")
        if one.end <= taken:
            yield ENDED.finding(str(one.says("path")), _evidence(one), None if one.in_use else Severity.LOW)
        elif one.end - taken <= _SOON and not brief:
            yield ENDS.finding(str(one.says("path")), _evidence(one), None if one.in_use else Severity.LOW)
        elif one.says("self_signed") and (not one.says("ca") or (one.says("used_by") and one.says("names"))):
            yield SELF_SIGNED.finding(str(one.says("path")), _evidence(one))


def _certificate(item: Item) -> _Certificate | None:
    end = _moment(item.attributes.get("not_after"))
    return _Certificate(item, _moment(item.attributes.get("not_before")), end) if end is not None else None


def _moment(said: Json) -> datetime | None:
    try:
        return datetime.strptime(str(said), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _place(one: _Certificate) -> tuple[str, str]:
    return str(one.says("path")).rpartition("/")[0], str(one.says("subject"))


def _evidence(one: _Certificate) -> dict[str, Json]:
    evidence: dict[str, Json] = {"subject": one.says("subject"), "ends": str(one.says("not_after"))[:10]}
    if one.says("self_signed"):
        evidence["self_signed"] = True
    if one.says("used_by"):
        evidence["used_by"] = one.says("used_by")
    return evidence


FAMILY = Family((ENDED, ENDS, SELF_SIGNED), find)
