from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes.declarations import SCOPE
from driftscan.scopes.declared import config
from driftscan.scopes.declared.scripts import made
from tests.unit.conftest import look
from tests.unit.scope_checks import garbled, truncated, well_formed

POSTRM = b"""#!/bin/sh
# /etc/in-a-comment is not made
set -e
LOGDIR=/var/log/shop
: ${CONF:=/etc/shop/main.conf}
STATE="/var/lib/shop"
if [ -e /etc/rc.local ] && [ ! -d "/srv/there" ]; then . /usr/share/debconf/confmodule; fi
case "$1" in
purge)
    rm -f $CONF "$CONF.bak" || true
    rm -rf "$STATE" ${LOGDIR}/*.log
    cd /var/cache/shop && rm -r sub; touch /etc/shop/seen
    for kind in auth session; do rm -f $DPKG_ROOT/etc/pam.d/common-$kind; done
    ln -s ../bin/tool /usr/bin/tool; chmod 755 /usr/bin/chmodded
    dpkg-maintscript-helper rm_conffile /etc/cron.daily/former 2.0 -- "$@"
    MANY="
one"
    for one in $MANY; do rm -rf /etc/many/$one.xml; done
    rm -f /etc/$UNKNOWN/x http://www.example/etc/page /etc/{one,two}.d
    cat >/etc/shop/list <<END
/usr/local/share/shop default
END
    rm -f /etc/continued \\
          /etc/line ;;
esac
"""


def test_what_a_script_makes() -> None:
    assert dict(made(POSTRM)) == {
        b"/etc/shop/main.conf": False,
        b"/etc/shop/main.conf.bak": False,
        b"/var/lib/shop": True,
        b"/var/log/shop": False,
        b"/var/log/shop/*.log": True,
        b"/var/cache/shop": False,
        b"/etc/shop/seen": False,
        b"/etc/pam.d/common-auth": False,
        b"/etc/pam.d/common-session": False,
        b"/usr/bin/tool": False,
        b"/etc/many": False,
        b"/etc/one.d": False,
        b"/etc/two.d": False,
        b"/etc/shop/list": False,
        b"/usr/local/share/shop": False,
        b"/etc/continued": False,
        b"/etc/line": False,
    }


@pytest.mark.parametrize(
    "script",
    [
        b'a=$a$a; a=/x$b; b=/y$a; rm "$a$b$c"',
        b"for a in 1 2 3 4 5 6 7 8 9; do for b in $a/$a/$a $a; do rm /etc/$a$b$a$b; done; done",
        b"rm /etc/" + b"x" * 100_000,
        b"A=" + b"/etc/a" * 5_000,
        b"\0\xff$/${/${a}/$(/`/etc`\n" * 50,
    ],
)
def test_a_hostile_script_costs_little(script: bytes) -> None:
    assert len(dict(made(script * 20))) <= 2_100


@given(body=st.binary(max_size=300))
def test_any_script(body: bytes) -> None:
    assert all(path.startswith(b"/") for path, _ in made(body))


TMPFILES = """\
# a comment
d /run/user 0755 root root -
d$ /var/lib/shop 0755 root root 2w
L+ /etc/mtab - - - - ../proc/self/mounts
f+! "/etc/with space" 0644
x /tmp/systemd-private-%b-*
z /var/log/journal/%m 2755
r! /tmp/.X[0-9]*-lock
D! %S/under/%%x
"""


def test_tmpfiles() -> None:
    assert list(config.tmpfiles(TMPFILES)) == [
        ("/run/user", True),
        ("/var/lib/shop", True),
        ("/etc/mtab", False),
        ("/etc/with space", False),
        ("/tmp/systemd-private-*-*", True),
        ("/var/log/journal/*", False),
        ("/var/lib/under/%x", True),
    ]


def test_sysusers() -> None:
    body = 'u shop 42 "The shop" /var/lib/shop /bin/sh\nu! other - - -\ng shop 42 -\nu root 0 - /root\n'
    assert list(config.sysusers(body)) == [("/var/lib/shop", True), ("/root", True)]


@pytest.mark.parametrize(
    ("setting", "value", "paths"),
    [
        ("StateDirectory", "shop shop/sub", ["/var/lib/shop", "/var/lib/private/shop", "/var/lib/shop/sub",
                                             "/var/lib/private/shop/sub"]),
        ("LogsDirectory", "%N", []),
        ("CacheDirectory", "../etc", []),
        ("ConfigurationDirectory", "shop:link", ["/etc/shop"]),
        ("PIDFile", "/run/shop.pid", ["/run/shop.pid"]),
        ("PIDFile", "shop.pid", ["/run/shop.pid"]),
    ],
)  # fmt: skip
def test_units(setting: str, value: str, paths: list[str]) -> None:
    assert [path for path, _ in config.unit(setting, value)] == paths


LOGROTATE = """\
compress
/var/log/a.log "/var/log/b c.log"
/var/log/shop/*.log {
    weekly   # often enough
    olddir /var/log/old
    postrotate
        kill -HUP `cat /run/shop.pid` } && touch /etc/never
    endscript
}
include /etc/logrotate.more
"""


def test_logrotate() -> None:
    assert set(config.logrotate(LOGROTATE)) >= {
        ("/var/log/old", True),
        ("/var/log/a.log", False),
        ("/var/log/b c.log", False),
        ("/var/log/shop/*.log", False),
    }
    assert not any("never" in path or "/run/" in path for path, _ in config.logrotate(LOGROTATE))


FILES = {
    "var/lib/dpkg/info/shop:amd64.postrm": POSTRM,
    "var/lib/dpkg/info/shop:amd64.list": b"/etc/not-a-script\n",
    "var/lib/pacman/local/big-shop-1.0-2/install": b"post_remove() {\n  rm -rf /var/lib/big\n}\n",
    "usr/sbin/update-shops": b"#!/bin/sh\necho >> /var/lib/shops.state\n> /etc/shops\n",
    "usr/sbin/update-binary": b"\x7fELF /etc/never\n",
    "etc/cron.daily/shop": b"#!/bin/sh\ncp /var/lib/shop/db /var/backups/shop.bak\n",
    "etc/init.d/shop": b"#!/bin/sh\nSEED=/var/lib/random/seed\ndd of=$SEED\n",
    "usr/lib/tmpfiles.d/shop.conf": TMPFILES.encode(),
    "usr/lib/tmpfiles.d/README": b"d /etc/never\n",
    "usr/lib/sysusers.d/shop.conf": b'u shop - "The shop" /var/lib/shop-home\n',
    "etc/logrotate.d/shop": LOGROTATE.encode(),
    "usr/lib/systemd/system/shop.service": b"[Service]\n StateDirectory = shop\n#CacheDirectory=never\n",
    "usr/lib/systemd/system/nginx.service.d/x:y.conf": b"[Service]\nCacheDirectory=x\n",
}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("host")
    for name, body in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (root / "lib").symlink_to("usr/lib")
    return root


@pytest.fixture(scope="module")
def results(host: Path) -> dict[str, ProbeResult]:
    return look(host, "declarations")


def test_a_host(results: dict[str, ProbeResult]) -> None:
    parsed = SCOPE.parse(results)
    well_formed(SCOPE, parsed)
    assert {result.outcome for result in results.values()} == {Outcome.OK}
    found = {(one["path"], one["kind"], one["by"], one["file"]) for one in (i.attributes for i in parsed.items)}
    for expected in (
        ("/var/lib/shop", "script", "shop", "/var/lib/dpkg/info/shop:amd64.postrm"),
        ("/var/lib/big", "script", "big-shop", "/var/lib/pacman/local/big-shop-1.0-2/install"),
        ("/var/lib/shops.state", "tool", "update-shops", "/usr/sbin/update-shops"),
        ("/etc/shops", "tool", "update-shops", "/usr/sbin/update-shops"),
        ("/var/backups/shop.bak", "cron", "shop", "/etc/cron.daily/shop"),
        ("/var/lib/random/seed", "init", "shop", "/etc/init.d/shop"),
        ("/etc/mtab", "tmpfiles", "shop.conf", "/usr/lib/tmpfiles.d/shop.conf"),
        ("/var/lib/shop-home", "sysusers", "shop.conf", "/usr/lib/sysusers.d/shop.conf"),
        ("/var/log/a.log", "logrotate", "shop", "/etc/logrotate.d/shop"),
        ("/var/lib/shop", "unit", "shop.service", "/usr/lib/systemd/system/shop.service"),
        ("/var/cache/x", "unit", "x:y.conf", "/usr/lib/systemd/system/nginx.service.d/x:y.conf"),
    ):
        assert expected in found
    assert not any("never" in path or path == "/etc/not-a-script" for path, *_ in found)


def test_the_same_with_another_shell(host: Path, results: dict[str, ProbeResult]) -> None:
    again = look(host, "declarations", shell="bash --posix")
    assert {name: one.stdout for name, one in again.items()} == {name: one.stdout for name, one in results.items()}


def test_a_host_with_none_of_this(tmp_path: Path) -> None:
    assert not SCOPE.parse(look(tmp_path, "declarations")).items


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(data=st.data())
def test_whatever_arrives(results: dict[str, ProbeResult], data: st.DataObject) -> None:
    well_formed(SCOPE, SCOPE.parse(data.draw(garbled(results))))


@cache
def everything(stdout: tuple[tuple[str, bytes], ...]) -> frozenset[str]:
    whole = {name: ProbeResult(name, Outcome.OK, stdout=body) for name, body in stdout}
    return frozenset(item.key for item in SCOPE.parse(whole).items)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(data=st.data())
def test_a_cut_invents_no_file(results: dict[str, ProbeResult], data: st.DataObject) -> None:
    probe = data.draw(st.sampled_from(sorted(results)))
    cut = SCOPE.parse(truncated(results, probe, data.draw(st.integers(0, len(results[probe].stdout)))))
    well_formed(SCOPE, cut)
    files = {item.attributes["file"] for item in cut.items}
    assert files <= {f"/{name}" for name in FILES}
