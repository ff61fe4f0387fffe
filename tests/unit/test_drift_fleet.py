"""Hosts beside one another: the majority, the odd one, and those of which nobody can say."""

from driftscan.drift.fleet import Odd, fleet
from driftscan.model.item import Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.snapshot import Snapshot
from driftscan.report.fleet import listed, sentence
from tests.unit.handmade import Record, leaf, snapshot, tree


def host(name: str, *items: Item, files: tuple[Record, ...] = (), **more: Json) -> Snapshot:
    number = name.lstrip("web")
    own = [
        Item("system", "hostname", {"fact": "hostname", "value": name}),
        Item("network", f"address eth0 10.0.0.{number}/24", {"kind": "address", "value": f"10.0.0.{number}/24"}),
    ]
    return snapshot([*own, *items], files=tree(leaf(b"etc/hostname", b"f644 0 0"), *files), host=name, **more)


def service(**attributes: Json) -> Item:
    return Item("services", "a", {"name": "a", "enabled": "enabled", "active": "active", **attributes})


def said(odds: tuple[Odd, ...]) -> dict[tuple[str, str], str]:
    return {(odd.scope, odd.key): sentence(odd) for odd in odds}


def test_the_odd_one_out_of_many() -> None:
    hosts = [host(f"web{n}", service(active="failed" if n == 7 else "active")) for n in range(1, 13)]
    found = fleet(hosts)
    assert said(found.odds) == {("services", "a"): "active: 11 of 12 have active, web7 has failed"}
    assert found.unknown == {}
    assert fleet(hosts[:6]).odds == ()


def test_who_has_a_thing_and_who_lacks_it() -> None:
    hosts = [host(f"web{n}", *([service()] if n < 3 else [])) for n in range(1, 6)]
    assert said(fleet(hosts).odds) == {("services", "a"): "only web1, web2 have it, of 5"}
    hosts = [host(f"web{n}", *([service()] if n < 5 else [])) for n in range(1, 6)]
    assert said(fleet(hosts).odds) == {("services", "a"): "4 of 5 have it, web5 lacks it"}


def test_a_host_that_was_not_seen_whole_lacks_nothing() -> None:
    hosts = [host("web1", service()), host("web2", service()), host("web3", outcomes={"services": Outcome.DENIED})]
    found = fleet(hosts)
    assert found.odds == ()
    assert found.unknown == {("web3", "services"): "not seen whole (denied)"}
    hosts[1] = host("web2")
    assert said(fleet(hosts).odds) == {("services", "a"): "web1 has it, web2 lacks it; not known of web3"}


def test_two_hosts_have_no_majority() -> None:
    (odd,) = fleet([host("web1", service()), host("web2", service(active="failed"))]).odds
    assert odd.majority is None
    assert sentence(odd) == "active: web1 has active, web2 has failed"


def test_what_is_a_hosts_own_is_no_oddity() -> None:
    hosts = [
        host(
            f"web{n}",
            service(command=f"/usr/bin/x --name web{n} --bind 10.0.0.{n}"),
            Item("sockets", f"tcp 10.0.0.{n}:80", {"protocol": "tcp", "address": f"10.0.0.{n}", "port": 80}),
            files=(leaf(b"etc/x-web%d.conf" % n, b"f644 0 0"),),
        )
        for n in range(1, 5)
    ]
    assert fleet(hosts).odds == ()


def test_files_are_compared_with_the_tree_that_most_have() -> None:
    trees = {
        "web1": (leaf(b"srv/a", b"f644 0 0"), leaf(b"srv/b", b"f644 0 0")),
        "web2": (leaf(b"srv/a", b"f644 0 0"), leaf(b"srv/b", b"f644 0 0")),
        "web3": (leaf(b"srv/a", b"f777 0 0"), leaf(b"srv/b", b"f644 0 0"), leaf(b"srv/new", b"f644 0 0")),
        "web4": (leaf(b"srv/a", b"f644 0 0"), leaf(b"srv/new", b"f600 0 0")),
    }
    odds = fleet([host(name, files=files) for name, files in trees.items()]).odds
    assert [(odd.key, sentence(odd)) for odd in odds] == [
        ("/srv/a", "mode: 3 of 4 have 0644, web3 has 0777"),
        ("/srv/b", "3 of 4 have it, web4 lacks it"),
        ("/srv/new", "web3, web4 have it, web1, web2 lack it"),
        ("/srv/new", "mode: web3 has 0644, web4 has 0600"),
    ]


def test_contents_that_differ_in_a_hosts_own_name_alone_are_the_same() -> None:
    def file(name: str, said: str) -> Snapshot:
        items = [
            Item("contents", "/etc/app", {"path": "/etc/app", "text": said, "lines": 1, "secrets": []}),
            Item("files", "/etc/app", {"digest": f"sha256:{hash(said) & (1 << 60) - 1:064x}"}),
        ]
        return host(name, *items, files=(leaf(b"etc/app", b"f644 0 0"),))

    hosts = [file(f"web{n}", f"name web{n}\n") for n in range(1, 4)]
    assert fleet(hosts).odds == ()
    hosts[1] = file("web2", "name web2\nmore\n")
    assert said(fleet(hosts).odds) == {("files", "/etc/app"): "content: 2 of 3 have the same, web2 has another"}


def test_a_report_for_people_names_scopes_and_blind_spots() -> None:
    hosts = [host("web1", service()), host("web2"), host("web3", outcomes={"services": Outcome.DENIED})]
    lines = list(listed("web", fleet(hosts), 60))
    assert lines == [
        "web: 3 hosts, 1 thing differs",
        "",
        "services",
        "  a: web1 has it, web2 lacks it; not known of web3",
        "",
        "UNKNOWN, could not look",
        "  ? web3: services not seen whole (denied)",
    ]
