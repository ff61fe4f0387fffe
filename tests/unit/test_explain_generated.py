"""What packages make, keep and begin with is explained; what a person puts beside it is not."""

import pytest

from driftscan.explain.view import View
from driftscan.model.item import Item
from driftscan.model.manifest import Manifest
from driftscan.model.snapshot import Snapshot
from tests.unit.handmade import Record, leaf, manifest, snapshot, tree


def file(path: str, meta: bytes = b"f644 0 0") -> Record:
    return leaf(path.encode().lstrip(b"/"), meta)


def program(path: str) -> Record:
    return file(path, b"f755 0 0")


def folder(path: str) -> Record:
    return file(path, b"d755 0 0")


def link(path: str, target: str) -> Record:
    return leaf(path.encode().lstrip(b"/"), b"l777 0 0", target.encode())


def declaration(
    path: str,
    kind: str = "script",
    *,
    whole: bool = False,
    by: str = "shop",
    file: str = "/var/lib/dpkg/info/shop.postrm",
    package: str = "",
) -> Item:
    facts = {"path": path, "kind": kind, "whole": whole, "by": by, "file": file, "package": package}
    return Item("declarations", f"{by} {file} {path}", facts)


def package(name: str, manager: str = "dpkg") -> Item:
    return Item("packages", name, {"name": name, "manager": manager})


def account(name: str, home: str) -> Item:
    return Item("accounts", f"user {name}", {"kind": "user", "name": name, "home": home, "uid": 1000})


def digest(path: str, value: str) -> Item:
    return Item("files", path, {"digest": f"sha256:{value}"})


def seen(leaves: list[Record], items: list[Item] | None = None, *manifests: Manifest) -> Snapshot:
    return snapshot([package("shop"), *(items or [])], files=tree(*leaves), manifests=manifests)


def kinds(shot: Snapshot, *paths: str) -> dict[str, str]:
    explained = View(shot).explained
    found = {path: explained.of(path.encode()) for path in paths}
    return {path: one.kind if one else "" for path, one in found.items()}


DECLARED = [
    ("file that a script makes", "/etc/shop/a", [declaration("/etc/shop/a")], [file("/etc/shop/a")], "generated"),
    ("its backup", "/etc/shop/list.old", [declaration("/etc/shop/list")], [file("/etc/shop/list.old")], "generated"),
    ("directory on its way", "/etc/shop", [declaration("/etc/shop/list")], [file("/etc/shop/list")], "generated"),
    ("file beside it", "/etc/shop/mine", [declaration("/etc/shop/list")], [file("/etc/shop/mine")], ""),
    ("program that is named", "/etc/rc.local", [declaration("/etc/rc.local")], [program("/etc/rc.local")], ""),
    ("program for cron", "/etc/cron.daily/x", [declaration("/etc/cron.daily/x")], [program("/etc/cron.daily/x")], ""),
    ("directory in /usr/local", "/usr/local/x", [declaration("/usr/local/x")], [folder("/usr/local/x")], "generated"),
    ("file in /usr/local", "/usr/local/x/y", [declaration("/usr/local/x/y")], [file("/usr/local/x/y")], ""),
    ("file in /srv", "/srv/x/y", [declaration("/srv/x/y")], [file("/srv/x/y")], ""),
    ("copy of what it ships", "/etc/x/conf", [declaration("/etc/x")], [file("/etc/x/conf")], "generated"),
    ("what it does not ship", "/etc/x/mine", [declaration("/etc/x")], [file("/etc/x/mine")], ""),
    ("wildcard", "/etc/shop/a.x", [declaration("/etc/shop/*.x")], [file("/etc/shop/a.x")], "generated"),
    ("tree in /etc", "/etc/.shop/a/b", [declaration("/etc/.shop", whole=True)], [file("/etc/.shop/a/b")], "generated"),
    ("state", "/var/lib/shop2/a/b", [declaration("/var/lib/shop2")], [file("/var/lib/shop2/a/b")], "state"),
    ("program in state", "/var/lib/shop2/a/b", [declaration("/var/lib/shop2")], [program("/var/lib/shop2/a/b")], ""),
    ("beside that program", "/var/lib/s/a", [declaration("/var/lib/s")],
     [file("/var/lib/s/a"), program("/var/lib/s/b")], "state"),
    ("shared parent", "/var/lib/other", [declaration("/var/lib", whole=True)], [folder("/var/lib/other")], ""),
    ("crontab", "/var/spool/cron/crontabs/bob", [declaration("/var/spool/cron/crontabs")],
     [file("/var/spool/cron/crontabs/bob")], ""),
    ("home of an account", "/var/www/x", [declaration("/var/www", "sysusers", whole=True, file="/u/s", package="shop")],
     [file("/var/www/x")], ""),
    ("script of a package that is not there", "/etc/x/y",
     [declaration("/etc/x/y", by="gone", file="/var/lib/dpkg/info/gone.postrm")], [file("/etc/x/y")], ""),
    ("tmpfiles.d of a person", "/etc/x/y", [declaration("/etc/x/y", "tmpfiles", file="/etc/tmpfiles.d/x.conf")],
     [file("/etc/x/y")], ""),
    ("tmpfiles.d of a package", "/etc/x/y",
     [declaration("/etc/x/y", "tmpfiles", file="/usr/lib/tmpfiles.d/x.conf", package="shop")], [file("/etc/x/y")],
     "generated"),
    ("private directory in /tmp", "/tmp/systemd-private-1-a.service-x/tmp",
     [declaration("/tmp/systemd-private-*", "tmpfiles", whole=True, file="/usr/lib/t", package="shop")],
     [file("/tmp/systemd-private-1-a.service-x/tmp")], "state"),
    ("file in /tmp", "/tmp/x", [declaration("/tmp", "tmpfiles", whole=True, file="/usr/lib/t", package="shop")],
     [file("/tmp/x")], ""),
    ("made by mktemp", "/tmp/tmp.QiMkZo6IGO/x", [], [file("/tmp/tmp.QiMkZo6IGO/x")], "state"),
    ("made by Python", "/tmp/tmpz_k32n1q", [], [file("/tmp/tmpz_k32n1q")], "state"),
    ("a program in it", "/tmp/tmp.QiMkZo6IGO/x", [], [program("/tmp/tmp.QiMkZo6IGO/x")], ""),
    ("a program with such a name", "/var/tmp/tmpz_k32n1q", [], [program("/var/tmp/tmpz_k32n1q")], ""),
    ("an empty directory in /tmp", "/tmp/x", [], [folder("/tmp/x")], "state"),
    ("an empty hidden directory of a home", "/home/bob/.tool",
     [Item("accounts", "user bob", {"kind": "user", "name": "bob", "uid": 1000, "home": "/home/bob"})],
     [folder("/home/bob/.tool"), folder("/home/bob/.tool/a/b")], "state"),
    ("one with something in it", "/home/bob/.tool/x",
     [Item("accounts", "user bob", {"kind": "user", "name": "bob", "uid": 1000, "home": "/home/bob"})],
     [file("/home/bob/.tool/x")], ""),
    ("log that is rotated", "/var/log/shop.log.2.gz",
     [declaration("/var/log/shop.log", "logrotate", file="/etc/logrotate.d/shop", package="shop")],
     [file("/var/log/shop.log.2.gz")], "state"),
    ("log by date", "/var/log/shop.log-20240131.xz",
     [declaration("/var/log/shop.log", "logrotate", file="/etc/logrotate.d/shop", package="shop")],
     [file("/var/log/shop.log-20240131.xz")], "state"),
    ("another log", "/var/log/shop.log-mine",
     [declaration("/var/log/shop.log", "logrotate", file="/etc/logrotate.d/shop", package="shop")],
     [file("/var/log/shop.log-mine")], ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "items", "leaves", "kind"), [row[1:] for row in DECLARED], ids=[r[0] for r in DECLARED]
)
def test_what_is_declared(path: str, items: list[Item], leaves: list[Record], kind: str) -> None:
    assert kinds(seen(leaves, items, manifest("shop", b"/var/lib/x/y", b"/etc/x", b"/usr/share/x/conf")), path) == {
        path: kind
    }


LINKED = [
    ("/etc/systemd/system/a.target.wants/shop.service", "/usr/lib/systemd/system/shop.service", "generated"),
    ("/etc/systemd/system/a.target.wants/mine.service", "/etc/systemd/system/mine.service", ""),
    ("/etc/systemd/system/shop.service", "/dev/null", ""),
    ("/etc/rc2.d/S01shop", "../init.d/shop", "generated"),
    ("/etc/rc2.d/S99mine", "../init.d/mine", ""),
    ("/etc/nginx/enabled/50-shop", "../available/shop", "generated"),
    ("/etc/nginx/enabled/50-other", "../available/shop", ""),
    ("/etc/cron.daily/shop", "/usr/share/shop/shop", ""),
    ("/etc/ssl/certs/shop.pem", "/usr/share/ca-certificates/shop.crt", "generated"),
    ("/etc/ssl/certs/0a1b2c3d.0", "shop.pem", "generated"),
    ("/etc/ssl/certs/mine.pem", "/opt/mine.pem", ""),
]


@pytest.mark.parametrize(("path", "target", "kind"), LINKED)
def test_links(path: str, target: str, kind: str) -> None:
    shop = manifest("shop", b"/usr/lib/systemd/system/shop.service", b"/etc/init.d/shop", b"/etc/nginx/available/shop",
                    b"/etc/nginx/enabled", b"/usr/share/shop/shop", b"/usr/share/ca-certificates/shop.crt",
                    b"/etc/ssl/certs")  # fmt: skip
    assert kinds(seen([link(path, target)], [], shop), path) == {path: kind}


def test_what_is_compiled_and_built() -> None:
    shop = manifest(
        "shop", b"/usr/lib/python3/dist-packages/shop.py", b"/usr/lib/python2.7/two.py", b"/usr/share/x/a.svg"
    )
    cache = "/usr/lib/python3/dist-packages/__pycache__"
    paths = {
        f"{cache}/shop.cpython-311.pyc": "generated",
        f"{cache}/shop.cpython-311.opt-1.pyc": "generated",
        f"{cache}/mine.cpython-311.pyc": "",
        "/usr/lib/python2.7/two.pyc": "generated",
        "/usr/lib/python2.7/mine.pyc": "",
        "/usr/share/x/icon-theme.cache": "generated",
        "/usr/local/x/icon-theme.cache": "",
        "/etc/ssl/certs/ca-certificates.crt": "generated",
        "/etc/ssl/certs/shop.pem": "",
        "/var/lib/dpkg/info/shop.postinst": "generated",
        "/var/lib/dpkg/info/mine.postinst": "",
    }
    leaves = [program(path) if path.endswith("postinst") else file(path) for path in paths]
    assert kinds(seen(leaves, [], shop), *paths) == paths


def test_a_directory_of_compiled_modules_is_claimed_at_once() -> None:
    cache = "/usr/lib/shop/__pycache__"
    shot = seen([file(f"{cache}/a.cpython-311.pyc")], [], manifest("shop", b"/usr/lib/shop/a.py"))
    assert View(shot).explained.claims.whole(cache.encode()) is not None


def test_kernels_and_boot_loaders() -> None:
    image = "boot/vmlinuz-6.1.0-9-amd64"
    leaves = [file("/boot/initrd.img-6.1.0-9-amd64"), link("/vmlinuz", image), file("/boot/mine"),
              file("/boot/grub/grub.cfg"), file("/usr/lib/modules/6.1/modules.dep")]  # fmt: skip
    linux = manifest("linux-image", b"/usr/lib/modules/6.1/kernel/a.ko")
    paths = ["/boot/initrd.img-6.1.0-9-amd64", "/vmlinuz", "/boot/grub/grub.cfg", "/usr/lib/modules/6.1/modules.dep"]
    assert set(kinds(seen(leaves, [], linux), *paths).values()) == {"generated"}
    assert kinds(seen(leaves, [], linux), "/boot/mine") == {"/boot/mine": ""}
    assert kinds(seen(leaves), "/boot/grub/grub.cfg") == {"/boot/grub/grub.cfg": ""}


def test_state_of_packages() -> None:
    paths = {
        "/var/lib/shop": "package",
        "/var/lib/shop/db/1": "state",
        "/var/lib/shop/run.sh": "",
        "/var/log/wtmp.1": "state",
        "/var/log/dpkg.log.3.gz": "state",
        "/var/backups/dpkg.status.0": "state",
        "/var/backups/shop-2024.sql.gz": "",
        "/var/log/mine.log": "",
        "/run/x/y": "state",
        "/var/lib/other/x": "",
    }
    leaves = [program(path) if path.endswith(".sh") else file(path) for path in paths if path != "/var/lib/shop"]
    assert kinds(seen(leaves, [], manifest("big-shop", b"/var/lib/shop", b"/bin/x")), *paths) == paths


def test_homes() -> None:
    paths = {
        "/home/bob": "skeleton",
        "/home/bob/.bashrc": "skeleton",
        "/home/bob/.profile": "",
        "/home/bob/.bash_history": "skeleton",
        "/home/bob/.cache/a/b": "skeleton",
        "/home/bob/.cache/a/run": "",
        "/home/bob/.ssh/authorized_keys": "skeleton",
        "/home/bob/.ssh/id_rsa": "",
        "/home/bob/tool.sh": "",
        "/root/.profile": "skeleton",
        "/var/mail/bob": "skeleton",
        "/home/eve": "",
        "/opt/app": "",
    }
    programs = {"/home/bob/tool.sh", "/home/bob/.cache/a/run"}
    leaves = [
        program(p) if p in programs else file(p) for p in paths if p not in {"/home/bob", "/home/eve", "/opt/app"}
    ]
    leaves += [file("/home/eve/x"), file("/opt/app/x"), file("/etc/skel/.bashrc"), file("/etc/skel/.profile"),
               file("/usr/share/base-files/dot.profile")]  # fmt: skip
    items = [account("bob", "/home/bob"), account("root", "/root"), account("app", "/opt/app")]
    items += [digest("/home/bob/.profile", "aa"), digest("/etc/skel/.profile", "bb")]
    assert kinds(seen(leaves, items), *paths) == paths


def test_each_host_has_its_own() -> None:
    paths = {
        "/etc/hostname": "installer",
        "/etc/ssh/ssh_host_ed25519_key": "installer",
        "/etc/ssh/mine_key": "",
        "/etc/shadow-": "installer",
        "/srv": "installer",
        "/srv/x": "",
        "/usr/local/bin": "installer",
        "/usr/local/bin/x": "",
    }
    leaves = [file(path) for path in paths if path not in {"/srv", "/usr/local/bin"}]
    assert kinds(seen(leaves), *paths) == paths
