"""Findings on live state, names and settings: each rule speaks where it should and is silent where it should."""

from dataclasses import dataclass

import pytest

from driftscan.explain.view import View
from driftscan.findings import live, network
from driftscan.findings import settings as chosen
from driftscan.model.finding import Severity
from driftscan.model.item import Item, Json
from driftscan.scopes import kernel, mounts
from driftscan.scopes.network import COLUMNS
from tests.unit.handmade import snapshot

FAMILIES = (live.FAMILY, network.FAMILY, chosen.FAMILY)


def fact(name: str, value: str) -> Item:
    return Item("system", name, {"fact": name, "value": value})


def sysctl(name: str, live: str | None, configured: str | None = None, **more: Json) -> Item:
    file = "/etc/sysctl.d/x.conf" if configured else None
    told = {column.name: None for column in kernel.COLUMNS}
    told |= {"kind": "sysctl", "name": name, "live": live, "configured": configured, "file": file, "writable": True}
    return Item("kernel", f"sysctl {name}", told | more)


def mount(target: str, **more: Json) -> Item:
    told: dict[str, Json] = {column.name: None for column in mounts.COLUMNS}
    told |= {"target": target, "source": "/dev/sdb1", "fstype": "ext4", "mounted": True, "in_fstab": False}
    return Item("mounts", target, told | {"subtree": "/", "automatic": False} | more)


def net(kind: str, name: str, value: str, **more: Json) -> Item:
    told: dict[str, Json] = {column.name: None for column in COLUMNS}
    told |= {"kind": kind, "name": name, "value": value, "live": True, "configured": True, "automatic": False}
    return Item("network", f"{kind} {name} {value}", told | more)


def rule(chain: str, value: str, *, live: bool | None = True, disk: bool | None = True, **more: Json) -> Item:
    kind = "chain" if value.startswith("policy") else "rule"
    return net(kind, chain, value, live=live, configured=disk, family="nft", file="/etc/nftables.conf", **more)


def service(name: str, command: str = "", enabled: str = "enabled") -> Item:
    return Item("services", name, {"name": name, "command": command, "enabled": enabled, "fragment": f"/etc/{name}"})


def docker() -> Item:
    return Item("processes", "root: dockerd", {"user": "root", "exe": "/usr/bin/dockerd"})


KERNEL = fact("kernel release", "6.1.0-18-amd64")
ETH0 = net("interface", "eth0", "ether", file="/etc/network/interfaces")
ALIVE = "net.ipv4.tcp_keepalive_time"
FORWARD = "net.ipv4.ip_forward"


@dataclass(frozen=True)
class Case:
    """A host on which `rule` names `subjects`, and nothing else."""

    rule: str
    subjects: list[str]
    items: tuple[Item, ...]


CASES = [
    Case("sysctl-live-differs", [ALIVE], (sysctl(ALIVE, "111", "300"), sysctl("vm.swappiness", "10", "0xa"))),
    Case("sysctl-live-differs", [], (sysctl("kernel.panic", "0", "5", writable=False),)),
    Case("sysctl-live-differs", [], (sysctl("kernel.printk", "4 4 1 7", "4"), sysctl("kernel.x", None, "1"))),
    Case("sysctl-live-only", [ALIVE], (sysctl(ALIVE, "111"), sysctl("fs.suid_dumpable", "2"))),
    Case("sysctl-live-only", [], (sysctl(FORWARD, "1"), docker())),
    Case("sysctl-live-only", [FORWARD], (sysctl(FORWARD, "1"),)),
    Case(
        "sysctl-local",
        ["/etc/sysctl.d/x.conf"],
        (sysctl(ALIVE, "1", "1", package=""), sysctl("a.b", "1", "1", package="")),
    ),
    Case("sysctl-local", [], (sysctl(ALIVE, "1", "1", package="procps"), sysctl("a.b", "1", "1", package=None))),
    Case(
        "module-by-hand",
        ["/etc/modules-load.d/a.conf"],
        (sysctl("zfs", "loaded", "load", kind="module", file="/etc/modules-load.d/a.conf", package=""),),
    ),
    Case(
        "firewall-live-only",
        ["nft inet filter input: tcp dport 5555 accept"],
        (
            rule("nft inet filter input", "policy drop"),
            rule("nft inet filter input", "tcp dport 5555 accept", disk=False),
        ),
    ),
    Case(
        "firewall-live-only",
        ["nft inet mine"],
        (rule("nft inet mine a", "policy drop", disk=False), rule("nft inet mine b", "drop", disk=False)),
    ),
    Case(
        "firewall-live-only",
        [],
        (
            rule("nft ip filter INPUT", "policy accept", disk=False),
            rule("nft ip nat DOCKER", "return", disk=False, automatic=True),
            rule("nft inet x y", "drop", disk=None),
        ),
    ),
    Case(
        "firewall-not-loaded",
        ["nft inet filter input"],
        (rule("nft inet filter input", "drop", live=False), service("nftables.service")),
    ),
    Case(
        "firewall-not-loaded",
        [],
        (rule("nft inet filter input", "drop", live=False), service("nftables.service", enabled="disabled")),
    ),
    Case(
        "mount-not-in-fstab",
        ["/mnt/x"],
        (
            mount("/mnt/x"),
            mount("/", in_fstab=True, source="/dev/sda1"),
            mount("/proc", automatic=True),
            mount("/b", subtree="/s"),
            mount("/u", unit="u.mount", source="/dev/sdu1"),
        ),
    ),
    Case(
        "mount-not-in-fstab",
        ["/mnt/share"],
        (mount("/mnt/x"), mount("/mnt/share", fstype="nfs4"), fact("virtualization", "lxc")),
    ),
    Case(
        "mount-not-in-fstab",
        [],
        (mount("/dev/dm-1", fstype="swap"), mount("UUID=1", fstype="swap", in_fstab=True, mounted=None)),
    ),
    Case(
        "fstab-not-mounted",
        ["/mnt/gone"],
        (
            mount("/mnt/gone", in_fstab=True, mounted=False, fstab_options="ro"),
            mount("/a", in_fstab=True, mounted=False, fstab_options="noauto,ro"),
            mount("/b", in_fstab=True, mounted=None),
        ),
    ),
    Case(
        "route-live-only",
        ["10.9.0.0/16 via 10.0.0.9 dev eth0"],
        (
            ETH0,
            net("route", "10.9.0.0/16", "10.9.0.0/16 via 10.0.0.9 dev eth0", configured=False, interface="eth0"),
            net("route", "default", "default dev eth1", configured=False, interface="eth1"),
        ),
    ),
    Case(
        "hosts-entries",
        ["/etc/hosts"],
        (
            fact("hostname", "web1"),
            net("host", "web1.x", "10.0.0.5"),
            net("host", "db", "10.2.3.4"),
            net("host", "localhost", "127.0.0.1", automatic=True),
        ),
    ),
    Case("hosts-entries", [], (fact("hostname", "web1.example"), net("host", "web1", "10.0.0.5"))),
    Case("resolver-by-hand", ["/etc/resolv.conf"], (net("resolver", "nameserver", "10.0.0.1"),)),
    Case(
        "setting-local",
        ["Europe/Berlin", "de_DE.UTF-8"],
        (fact("timezone", "Europe/Berlin"), fact("locale", "de_DE.UTF-8")),
    ),
    Case("setting-local", [], (fact("timezone", "Etc/UTC"), fact("locale", "C.UTF-8"), fact("locale", "en_US.UTF-8"))),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule} {case.subjects}")
def test_each_rule(case: Case) -> None:
    found = [one for family in FAMILIES for one in family.find(View(snapshot([KERNEL, *case.items])))]
    assert sorted(one.subject for one in found if one.rule == case.rule) == case.subjects
    assert {one.rule for one in found} <= {case.rule}


def severity(*items: Item) -> Severity:
    [found] = live.FAMILY.find(View(snapshot(items)))
    return found.severity


def test_how_grave_a_setting_in_memory_is() -> None:
    alive = sysctl(ALIVE, "111")
    script = service("rc.local", "echo 1 >/proc/sys/net/ipv4/tcp_keepalive_time")
    assert severity(KERNEL, alive) is Severity.MEDIUM
    assert severity(fact("kernel release", "2.6.32"), alive) is Severity.LOW
    assert severity(KERNEL, alive, script) is Severity.LOW
    [found] = live.FAMILY.find(View(snapshot([KERNEL, alive, script])))
    assert found.evidence == {"live": "111", "set by": "/etc/rc.local"}


def test_evidence_is_bounded_and_gathered() -> None:
    items = [rule("nft inet filter input", f"tcp dport {port} accept", disk=False) for port in range(1000, 1040)]
    [found] = live.FAMILY.find(View(snapshot(items)))
    assert found.subject == "nft inet filter"
    assert found.evidence["rules"][-1] == "and 32 more"
