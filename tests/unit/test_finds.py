"""Finds: strangers gathered, applications told apart, with who owns them, how old they are and what names them."""

from driftscan.explain.view import View
from driftscan.findings.finds import Find, finds
from driftscan.model.amount import amount
from driftscan.model.finding import Finding, Severity
from driftscan.model.item import Item
from driftscan.report.findings import listed
from driftscan.report.finds import day, gathered, row
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree

ANN = Item("accounts", "user ann", {"kind": "user", "name": "ann", "uid": 1000, "gid": 1000})


def found(
    *files: Record, items: tuple[Item, ...] = (), owned: tuple[bytes, ...] = (b"/opt", b"/srv", b"/etc")
) -> list[Find]:
    return finds(View(snapshot([ANN, *items], files=tree(*files), manifests=[manifest("stock", *owned)])))


def application(path: str, **more: object) -> Item:
    return Item("applications", path, {"path": path, "kinds": ["python"], "name": "shop", "version": "2", **more})


def one(path: str, kind: str = "f", **more: object) -> Find:
    told = {"entries": 1, "files": 1, "size": 10, "oldest": 0.0, "newest": 86400.0, "owners": ("root",), **more}
    return Find(path, kind, **told)  # type: ignore[arg-type]


def test_a_find_is_measured_whole() -> None:
    (shop,) = found(
        leaf(b"opt/shop", b"d755 1000 1000"), leaf(b"opt/shop/a", b"f644 0 0"), leaf(b"opt/shop/b/c", b"f644 77 0")
    )
    assert (shop.path, shop.kind, shop.entries, shop.files, shop.size) == ("/opt/shop", "d", 4, 2, 66)
    assert shop.owners == ("ann", "0", "77")
    assert (shop.oldest, shop.newest) == (4.0, 4.0)


def test_applications_in_a_strange_directory_are_told_apart_and_the_rest_of_it_too() -> None:
    files = [leaf(b"srv/apps/%s/main.py" % name, b"f644 0 0") for name in (b"one", b"two")]
    items = (application("/srv/apps/one"), application("/srv/apps/two"), application("/srv/apps/two/inside"))
    assert [(f.path, f.entries) for f in found(*files, items=items)] == [("/srv/apps/one", 2), ("/srv/apps/two", 2)]
    rest = found(*files, leaf(b"srv/apps/note", b"f644 0 0"), items=items)
    assert [(f.path, f.entries, f.files) for f in rest] == [
        ("/srv/apps", 1, 1),
        ("/srv/apps/one", 2, 1),
        ("/srv/apps/two", 2, 1),
    ]
    assert rest[1].application == "python shop 2"


def test_many_applications_are_one_find() -> None:
    names = [b"%02d" % number for number in range(20)]
    files = [leaf(b"srv/apps/%s/main.py" % name, b"f644 0 0") for name in names]
    items = tuple(application(f"/srv/apps/{name.decode()}") for name in names)
    assert [f.path for f in found(*files, items=items)] == ["/srv/apps"]


def test_what_names_a_find_is_said_but_not_by_itself() -> None:
    vhost = Item("contents", "/etc/vhost", {"path": "/etc/vhost", "text": "root /opt/shop/public;\nlog /opt/shopping;"})
    inner = Item("contents", "/opt/shop/conf", {"path": "/opt/shop/conf", "text": "/opt/shop/data"})
    told = found(
        leaf(b"opt/shop/public/x", b"f644 0 0"),
        leaf(b"opt/shop/conf", b"f644 0 0"),
        leaf(b"etc/vhost", b"f644 0 0"),
        leaf(b"srv/link", b"l777 0 0", b"../opt/shop"),
        items=(vhost, inner),
    )
    shop = next(find for find in told if find.path == "/opt/shop")
    assert shop.refers == ("/etc/vhost", "/srv/link")
    assert next(find for find in told if find.path == "/srv/link").target == "../opt/shop"


def test_finds_of_one_directory_are_one_row_and_what_findings_name_is_not_said_twice() -> None:
    unit = Finding("unit-by-hand", Severity.LOW, "services", "x.service", "is by hand", {"file": "/etc/x.service"})
    rows, said = gathered([one("/etc/a"), one("/etc/b"), one("/etc/x.service"), one("/opt/shop", "d")], [unit])
    assert said == 1
    assert [row.subject for row in rows] == ["/etc/a, /etc/b", "/opt/shop"]
    assert rows[0].words == "(2 files, 20 B; 1970-01-01 to 1970-01-02; root)"


def test_hostile_names_are_shown_escaped() -> None:
    (told,), _ = gathered([one("/srv/esc\x1b[31m\n", "d", application="a\x07", refers=("/etc/\u202e",))], [])
    assert told.subject == "/srv/esc\\x1b[31m\\n"
    assert told.words.isprintable()


def test_a_find_is_a_row_for_programs_too() -> None:
    assert row(one("/srv/x", explained={"checkout": 3})) == [
        "/srv/x", 1, 10, "1970-01-01", "1970-01-02", ["root"], "3 checkout", [], []
    ]  # fmt: skip


def test_amounts_and_days_are_short_and_never_fail() -> None:
    assert [amount(size) for size in (0, 999, 1200, 12_345_678, 5e15)] == ["0 B", "999 B", "1.2 kB", "12 MB", "5000 TB"]
    assert day(0) == "1970-01-01"
    assert all(day(seconds).endswith(" s") for seconds in (-1e30, 1e30))


def test_findings_in_full_say_all_their_evidence() -> None:
    told = {"command": "x" * 200, "pids": [1, 2], "unit": None}
    odd = [Finding("a-rule", Severity.LOW, "files", f"/srv/\x1b{n}", "is odd", told, "look") for n in range(3)]
    lines = list(listed(odd, 80))
    assert lines[0] == "LOW  is odd  [a-rule]"
    assert lines[-1] == "  -> look"
    assert " ".join(" ".join(lines).split()).count("pids 1, 2") == 3
    assert all(line.isprintable() for line in lines)
