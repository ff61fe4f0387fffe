from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.collect.collector import Wish, collect
from driftscan.collect.runner import Link
from driftscan.explain.view import View
from driftscan.findings.base import judge
from driftscan.model.item import Item
from driftscan.role.desk import Desk
from driftscan.role.model import Function
from driftscan.role.planners._commands import assignments, command, environment_file, foreground, told_by, words
from driftscan.role.planners.functions import PLANNER
from driftscan.role.steering import Steering, Wanted
from driftscan.scopes.base import scopes
from driftscan.transport.base import Privilege
from driftscan.transport.replay import Replay
from tests.unit.conftest import RECORDINGS
from tests.unit.handmade import leaf, manifest, snapshot, tree

UNIT = (
    b"[Service]\nUser=deploy\nEnvironment=QUEUE=orders TOKEN=tok_live_51HabcSECRET\n"
    b"ExecStart=/usr/local/bin/shop-worker.py\n"
)


@cache
def seen(flavor: str) -> View:
    return View(collect(flavor, Link(Replay(RECORDINGS / flavor), Privilege()), Wish()))


judged = cache(judge)


def functions(view: View, read: dict[bytes, bytes] | None = None, steering: Steering | None = None) -> list[Function]:
    desk = Desk(view, judged(view), steering or Steering(), (read or {}).get)
    return [one for one in PLANNER.plan(desk) if isinstance(one, Function)]


@pytest.mark.parametrize("flavor", ["rpm", "stock"])
def test_a_stock_host_is_for_nothing(flavor: str) -> None:
    assert functions(seen(flavor)) == []


def test_what_the_sauced_host_is_for() -> None:
    units = {b"/etc/systemd/system/shop-worker.service": UNIT}
    nginx, redis, worker, app = functions(seen("sauced"), units)
    assert nginx == Function(
        "nginx",
        ("/usr/sbin/nginx", "-g", "daemon off;"),
        packages=("nginx-light",),
        paths=(
            "/etc/nginx",
            "/etc/ssl/certs/shop.pem",
            "/etc/ssl/private/shop.key",
            "/usr/share/nginx/html/index.html",
        ),
        ports=("443/tcp", "80/tcp"),
        starts="nginx.service",
    )
    assert redis.command[:2] == ("/usr/bin/redis-server", "/etc/redis/redis.conf")
    assert redis.command[-2:] == ("--daemonize", "no")
    assert (redis.user, redis.packages, redis.ports) == ("redis", ("redis-server",), ("6379/tcp",))
    assert redis.paths == ("/etc/apt/preferences.d/redis", "/etc/redis", "/var/lib/redis")
    assert redis.data == ("/var/lib/redis",)
    assert (worker.name, worker.user, worker.starts) == ("shop-worker", "deploy", "shop-worker.service")
    assert worker.command == ("/usr/local/bin/shop-worker.py",)
    assert dict(worker.environment)["QUEUE"] == "orders"
    assert dict(worker.environment)["TOKEN"].startswith("<secret:")
    assert worker.paths == ("/usr/local/bin/shop-worker.py", "/var/lib/shop")
    assert "python3" in worker.packages
    assert "python3-requests" in worker.packages, "it runs on the system's Python, and may load its modules"
    assert (app.name, app.command, app.user) == ("shopapp", ("/opt/shopapp/run.sh",), "mthompson")
    assert (app.directory, app.ports) == ("/opt/shopapp/releases/20230114", ("8081/tcp",))
    assert app.paths == ("/home/deploy/secrets/env", "/home/deploy/uploads", "/opt/shopapp", "/var/lib/shop")
    assert (app.data, app.starts) == (("/var/lib/shop",), "/etc/rc.local")
    assert app.packages == ("python3", "python3-venv"), "it has an environment of its own"


def test_no_secret_and_no_process_that_nobody_knows_is_in_a_function() -> None:
    told = repr(functions(seen("sauced")))
    assert "tok_live" not in told
    assert "<secret:" not in told, "without the unit's text nobody knows which variable it is"
    assert "telemetry" not in told
    assert "kworker" not in told


def test_a_function_may_be_left_out_and_its_account_renamed() -> None:
    steering = Steering(exclude=(Wanted("nginx.service", "services"),), rename={"mthompson": "shop"})
    found = functions(seen("sauced"), steering=steering)
    assert [(one.name, one.user) for one in found][1:] == [("shop-worker", "deploy"), ("shopapp", "shop")]


def service(name: str, **attributes: Any) -> Item:
    known = {column.name: None for column in scopes()["services"].columns if not column.volatile}
    has = {"name": name, "kind": "service", "manager": "systemd", "enabled": "enabled", "active": "active"}
    has |= {"fragment": f"/etc/systemd/system/{name}", "package": "", "wanted_by": ["multi-user.target"]}
    state = attributes.pop("state", "active running")
    return Item("services", name, {**known, **has, **attributes}, {"state": state})


def planned(*items: Item, read: dict[bytes, bytes] | None = None) -> list[Function]:
    files = tree(
        leaf(b"/opt/app/server", b"f755 0 0"),
        leaf(b"/opt/app/app.conf", b"f644 0 0"),
        leaf(b"/srv/pages/index.html", b"f644 0 0"),
        leaf(b"/etc/web/web.conf", b"f644 0 0"),
        leaf(b"/usr/sbin/webd", b"f755 0 0"),
    )
    web = manifest("webd", b"/etc/web/web.conf", b"/usr/sbin/webd")
    return functions(View(snapshot(items, files=files, manifests=[web])), read)


def test_a_unit_that_somebody_wrote() -> None:
    unit = b"""[Service]
EnvironmentFile=-/etc/default/app
Environment="GREETING=two words" EMPTY=
Environment=
Environment=MODE=%n
RuntimeDirectory=app
ExecStart=/opt/app/server --port $PORT ${MODE} $NOTHING 'a b'
"""
    read = {b"/etc/systemd/system/app.service": unit, b"/etc/default/app": b"# x\nPORT=80 81\nexport Q='s t'\n"}
    [found] = planned(service("app.service", command="/opt/app/server", user="app"), read=read)
    assert found.command == ("/opt/app/server", "--port", "80", "81", "%n", "a b")
    assert found.environment == (("MODE", "%n"), ("PORT", "80 81"), ("Q", "s t"))
    assert found.paths == ("/opt/app", "/run/app")
    assert (found.user, found.starts) == ("app", "app.service")


@pytest.mark.parametrize(
    ("attributes", "there"),
    [
        ({}, True),
        ({"state": "active exited"}, False),
        ({"state": "inactive dead"}, False),
        ({"state": "failed failed"}, True),
        ({"state": None}, True),
        ({"state": None, "enabled": "disabled"}, False),
        ({"enabled": "generated"}, False),
        ({"kind": "socket"}, False),
        ({"alias_of": "other.service"}, False),
        ({"package": "webd"}, True),
        ({"package": "webd", "enabled": "static"}, False),
        ({"package": "webd", "command": "/usr/sbin/rsyslogd -n"}, False),
        ({"package": "webd", "command": "/usr/sbin/sshd -D"}, False),
        ({"package": "webd", "wanted_by": ["sysinit.target"]}, False),
        ({"package": "webd", "wanted_by": []}, False),
        ({"command": "/usr/sbin/rsyslogd -n"}, True),  # that somebody wrote a unit for
    ],
)
def test_which_services_are_functions(attributes: dict[str, Any], there: bool) -> None:
    assert bool(planned(service("app.service", **{"command": "/opt/app/server", **attributes}))) is there


def test_what_the_configuration_of_a_packaged_service_names_belongs_to_it() -> None:
    read = {b"/etc/web/web.conf": b"# root /opt/app\nroot /srv/pages;\nlog /var/log/web;\n"}
    [found] = planned(service("webd.service", command="/usr/sbin/webd", package="webd"), read=read)
    assert found.paths == ("/etc/web", "/srv/pages")
    assert found.packages == ("webd",)


@pytest.mark.parametrize(
    ("argv", "forks", "stays"),
    [
        (["/usr/sbin/nginx", "-g", "daemon on; master_process on;"], True, ["/usr/sbin/nginx", "-g", "daemon off;"]),
        (["nginx", "-g", "daemon off;"], None, ["nginx", "-g", "daemon off;"]),
        (["/usr/sbin/apachectl", "start"], True, ["/usr/sbin/apachectl", "-DFOREGROUND"]),
        (["httpd", "-DFOREGROUND"], None, ["httpd", "-DFOREGROUND"]),
        (["redis-server", "/r.conf"], None, ["redis-server", "/r.conf", "--daemonize", "no"]),
        (["redis-server", "--daemonize", "yes"], True, ["redis-server", "--daemonize", "no"]),
        (["redis-server", "/r.conf"], False, ["redis-server", "/r.conf"]),
        (["/opt/app/server", "-d"], True, ["/opt/app/server", "-d"]),
        ([], None, []),
    ],
)
def test_a_daemon_stays_in_the_foreground(argv: list[str], forks: bool | None, stays: list[str]) -> None:
    assert foreground(argv, forks=forks) == tuple(stays)


@pytest.mark.parametrize(
    ("line", "argv"),
    [
        ("nginx -g 'daemon on; master_process on;'", ["nginx", "-g", "daemon on; master_process on;"]),
        (r"-/sbin/agetty -o '-p -- \\u' $TERM", ["/sbin/agetty", "-o", r"-p -- \u"]),
        ("@/bin/x y z", ["/bin/x", "z"]),
        ('/bin/x "a\\"b" "" \'c d\'e', ["/bin/x", 'a"b', "", "c de"]),
        ("/bin/x %% %i %p %n", ["/bin/x", "%", "one-two", "app", "app@one-two.service"]),
        ("/bin/x $$HOME ${A}-${B} $A", ["/bin/x", "$HOME", "1 2-", "1", "2"]),
    ],
)
def test_words_of_a_command(line: str, argv: list[str]) -> None:
    assert command(line, "app@one-two.service", {"A": "1 2"}) == tuple(argv)


def test_a_line_of_a_script_tells_the_command() -> None:
    line = "su app -s /bin/sh -c 'nohup /opt/app/run.sh -x --port=80 >/opt/app/log 2>&1 &'"
    assert told_by(line, "/opt/app/run.sh") == ("/opt/app/run.sh", "-x", "--port=80")
    assert told_by("/opt/app/run.sh 2>&1 &", "/opt/app/run.sh") == ("/opt/app/run.sh",)
    assert told_by("/opt/app/run.sh.old", "/opt/app/run.sh") == ()


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_commands(said: str) -> None:
    assert isinstance(words(said), list)
    assert all("=" not in name for name in assignments([said]))
    assert isinstance(environment_file(said), dict)
    assert isinstance(foreground(command(said, said, {}), forks=None), tuple)
