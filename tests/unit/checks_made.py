"""What tests of reports on checks share: checks made by hand, and all that hypothesis can think of."""

import unicodedata
from datetime import date, datetime, timedelta, timezone
from random import Random

from hypothesis import strategies as st

from driftscan.model.drift import Acceptance, Change, Check, Drift, Kind, Since
from driftscan.model.finding import Severity
from driftscan.model.item import Json
from driftscan.model.text import text

TAKEN = datetime(2026, 11, 22, 2, 0, tzinfo=timezone.utc)
SINCE = Since(TAKEN - timedelta(days=1), 41, TAKEN - timedelta(days=2), TAKEN - timedelta(days=1, hours=9))
ENDS = date(2026, 11, 29)


def drift(kind: Kind = Kind.CHANGED, severity: Severity = Severity.MEDIUM, **rest: object) -> Drift:
    """Return a drift of /etc/motd, but for what is said."""
    return Drift(**{"kind": kind, "severity": severity, "scope": "files", "key": "/etc/motd", **rest})  # type: ignore[arg-type]


def check(host: str, *drifts: Drift, **rest: object) -> Check:
    """Return the check of a host that was compared with webserver.yaml."""
    told = {"role": "webserver", "number": 42, "taken": TAKEN, "seconds": 38.2, "against": "webserver.yaml"}
    return Check(host, drifts=drifts, **{**told, **rest})  # type: ignore[arg-type]


def acceptance(until: date = ENDS) -> Acceptance:
    """Return an acceptance of all below /opt."""
    return Acceptance("files", "/opt/*", "the move, ticket 812", "ann", until, "webserver.yaml:88")


MODE = drift(severity=Severity.HIGH, key="/usr/bin/sudo", changes=(Change("mode", "4755", "0755"),), since=SINCE)
LOGIN = drift(
    key="/etc/ssh/sshd_config",
    changes=(Change("digest", "ab" * 32, "cd" * 32),),
    diff=("--- expected", "+++ found", "@@ -1 +1 @@", "-PermitRootLogin no", "+PermitRootLogin yes"),
    reason="webserver.yaml:14",
)
USER = drift(
    Kind.UNEXPECTED,
    Severity.CRITICAL,
    scope="accounts",
    key="user mallory",
    changes=(Change("uid", None, 0), Change("groups", None, ["sudo", "adm"])),
    evidence={"includes": [f"/etc/part{number}" for number in range(8)]},
    by="useradd, root from 10.1.2.3",
)
GONE = drift(Kind.MISSING, scope="packages", key="nginx", changes=(Change("version", "1.22", None),))
BLIND = drift(Kind.UNKNOWN, scope="sockets", key="", reason="ss: not found")
BLIND_PATH = drift(Kind.UNKNOWN, key="/srv/nfs", reason="find: Permission denied")
KEPT = drift(Kind.UNEXPECTED, Severity.LOW, key="/opt/x", acceptance=acceptance())
WARNING = "webserver.yaml:88: the acceptance of files /opt/* by ann ends on 2026-11-29"

WEB = check("web7", USER, MODE, LOGIN, GONE, BLIND, BLIND_PATH, accepted=(KEPT,), warnings=(WARNING,))
DEAD = Check("db1", "database", error="ssh: connect to host db1 port 22: No route to host")
ALONE = Check("odd", "", 7, TAKEN, 31.0)
CLEAN = check("web1")
FLEET = [CLEAN, WEB, DEAD, ALONE]


def flood(count: int) -> Check:
    """Return a host with so many unexpected files, and one grave drift."""
    files = (drift(Kind.UNEXPECTED, Severity.LOW, key=f"/opt/shop/{number:05}") for number in range(count))
    return check("web9", USER, *files)


def dangerous(words: str) -> list[str]:
    """Return the characters on which a terminal would act, but for line feeds."""
    return [c for c in words if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs", "Co"}]


NASTY = [
    "\x1b[2J", "a\nb", "\r\x07", "\u202egnp.exe", "\x9b31m", "\u2028", "\x00", "=cmd()", '","', "日本", "\ufffe", "",
    "a|b", "`", "``x`", "</td><script>", "[x](http://evil)", "![x](y)", "@everyone", "<!channel>", "]]>", "&amp;",
    "{0}", "%41", "/etc/a b#c?d%e", "\\", "\\|", "- x", "# x", "| a | b |", "~~x~~", "https://evil.example", "${x}",
]  # fmt: skip
HOSTILE = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=20).map(text),
    st.sampled_from(NASTY),
    st.sampled_from(NASTY).map(lambda words: f"/{words}"),
)


def _value(words: list[str], dice: Random) -> Json:
    word = dice.choice(words)
    return dice.choice(
        [word, word, None, True, dice.randrange(-9, 1 << 40), [word, *words[:1]], {word: [word]}, "ab" * 32]
    )


def _time(dice: Random) -> datetime:
    return TAKEN + timedelta(seconds=dice.randrange(-(10**9), 10**9), microseconds=dice.randrange(10**6))


def _drift(words: list[str], dice: Random) -> Drift:
    def word() -> str:
        return dice.choice(words)

    return Drift(
        kind=dice.choice(list(Kind)),
        severity=dice.choice(list(Severity)),
        scope=dice.choice(["files", "trees", "packages", "accounts", "symlinks", word()]),
        key=dice.choice([word(), f"/{word()}"]),
        changes=tuple(Change(word(), _value(words, dice), _value(words, dice)) for _ in range(dice.randrange(3))),
        reason=word(),
        evidence={dice.choice(["includes", word()]): _value(words, dice) for _ in range(dice.randrange(3))},
        diff=tuple(word() for _ in range(dice.randrange(4))),
        since=dice.choice([None, Since(_time(dice), 7), Since(_time(dice), 7, _time(dice), _time(dice))]),
        by=word(),
        acceptance=dice.choice(
            [None, Acceptance("files", word(), word(), word(), ENDS, word(), dice.choice([None, *Kind]))]
        ),
    )


def wild(words: list[str], dice: Random) -> Check:
    """Return a check in which every text is one of `words`."""

    def word() -> str:
        return dice.choice(words)

    return Check(
        host=word(),
        role=word(),
        number=dice.randrange(99),
        taken=dice.choice([None, _time(dice)]),
        seconds=dice.random() * 1000,
        against=dice.choice(["", word(), word()]),
        drifts=tuple(_drift(words, dice) for _ in range(dice.randrange(5))),
        accepted=tuple(_drift(words, dice) for _ in range(dice.randrange(3))),
        warnings=tuple(word() for _ in range(dice.randrange(3))),
        error=dice.choice(["", "", word()]),
    )


# Few words and a die: drawing every field for itself would take hypothesis seconds.
_WORDS = st.lists(HOSTILE, min_size=2, max_size=6)
DRIFTS = st.builds(
    lambda words, seed: [_drift(words, Random(seed + number)) for number in range(3)], _WORDS, st.integers(0, 999)
)
CHECKS = st.builds(
    lambda words, seed: [wild(words, Random(seed + number)) for number in range(3)], _WORDS, st.integers(0, 999)
)
