"""Recall: which lines of the sauced host's truth a report names, and which of its lines name nothing planted."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TRUTH = [
    tuple(line.split("\t")[1:]) for line in Path(__file__).with_name("sauce.truth").read_text().splitlines() if line
]
# What a report may say instead of the name of a line: a tool that knows files only has a chance too.
_SPELLINGS = {
    "nginx.service": ["nginx.service", "/etc/nginx/nginx.conf"],
    "redis-server.service": ["redis-server.service", "/etc/redis/redis.conf"],
    "bottle==0.12.23": ["bottle==0.12.23", "dist-packages/bottle"],
    "json5@2.2.3": ["json5@2.2.3", "node_modules/json5"],
    "sleep as [kworker/u8:9]": ["[kworker/u8:9]"],
    "nft": ["5555"],
    "net.ipv4.tcp_keepalive_time": ["tcp_keepalive_time"],
    "shop-worker.service": ["shop-worker.service"],
    "Europe/Berlin": ["Europe/Berlin"],
}


@dataclass(frozen=True)
class Line:
    """One line of the truth: what was planted, and under which names; each of `names` must be said in some spelling."""

    kind: str
    name: str
    names: tuple[tuple[str, ...], ...]

    def named(self, report: str) -> bool:
        return all(any(spelling in report for spelling in spellings) for spellings in self.names)


def lines() -> list[Line]:
    """Return the truth as lines that can be looked for."""
    return [Line(kind, name, tuple(map(tuple, _names(kind, name)))) for kind, name, *_ in TRUTH]


def _names(kind: str, name: str) -> Iterable[list[str]]:
    if name in _SPELLINGS:
        return [_SPELLINGS[name]]
    if kind == "cron" and "," in name:
        return [[f"/var/spool/cron/crontabs/{user}", f"crontab of {user}"] for user in name.split(",")]
    return [[part] for part in name.split()]


def missed(report: str) -> list[Line]:
    """Return the lines of the truth that `report` does not name."""
    flat = " ".join(report.split())
    return [line for line in lines() if not line.named(flat)]


def beside(report: Iterable[str]) -> list[str]:
    """Return the lines of a report that name nothing planted."""
    spellings = {spelling for line in lines() for some in line.names for spelling in some}
    return [line for line in report if line.strip() and not any(spelling in line for spelling in spellings)]
