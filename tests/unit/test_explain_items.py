"""Who started a process, who listens, who wrote a service or schedule, who made an account."""

from pathlib import Path

import pytest

from driftscan.explain._programs import script_word, strange_program
from driftscan.explain.base import item_explainers
from driftscan.explain.view import View
from driftscan.model.item import Item, Json
from driftscan.scopes.base import scopes
from driftscan.scopes.logins.makers import MAKERS, makers
from tests.unit.conftest import look
from tests.unit.handmade import leaf, manifest, snapshot, tree

INIT = "/usr/lib/systemd/systemd"


def process(command: str, parent: str | None = INIT, pid: int = 77, **more: Json) -> Item:
    argv = command.split()
    told: dict[str, Json] = {"user": "root", "command": command, "argv": argv, "exe": argv[0], "cwd": "/"}
    told |= {"name": argv[0].rpartition("/")[2], "kernel": False, "deleted": False, "container": None, "unit": None}
    told |= {"parent": parent, "package": "coreutils", "deleted_libraries": []}
    return Item("processes", f"root: {command} {pid}", {**told, **more}, {"pid": [pid], "ppid": [1]})


def service(name: str, manager: str = "systemd", **more: Json) -> Item:
    told: dict[str, Json] = {"name": name, "manager": manager, "kind": name.rpartition(".")[2], "enabled": "enabled"}
    told |= {"active": "active", "load": "loaded", "fragment": f"/usr/lib/systemd/system/{name}", "dropins": []}
    told |= {"package": "stock", "command": None, "wanted_by": [], "alias_of": None, "conditions": []}
    main = more.pop("main_pid", None)
    return Item("services", f"{manager}: {name}", {**told, **more}, {"main_pid": main})


SSH = service("ssh.service", command="/usr/sbin/sshd -D $SSHD_OPTS", package="openssh-server", main_pid=50)
CRON = service("cron.service", command="/usr/sbin/cron -f", package="cron")
PHP = service("php-fpm.service", command="/usr/sbin/php-fpm8.2 --nodaemonize", package="php-fpm", main_pid=60)
HAND = service("shop.service", package="", fragment="/etc/systemd/system/shop.service", command="/opt/shop/run")
GETTY = service("getty@.service", command="-/sbin/agetty -o %I", package="util-linux")
PASSING = service("made.service", enabled="transient", package=None, fragment="/run/systemd/transient/made.service")
SYSTEMD = (SSH, CRON, PHP, HAND, GETTY, PASSING)
FIRST = process(INIT, None, 1, unit="init.scope", package="systemd")
SYSV = process("/usr/sbin/init", None, 1, exe="/usr/sbin/init")
PLANTED = {"exe": "/opt/planted", "package": ""}


def explained(scope: str, item: Item, *others: Item, files: tuple = (), **owned: tuple[bytes, ...]) -> str | None:
    packages = [manifest(name.replace("_", "-"), *paths) for name, paths in owned.items()]
    built = tree(leaf(b"etc/hosts", b"f644 0 0"), *files)
    view = View(snapshot([item, *others], files=built, manifests=packages))
    found = item_explainers()[scope].explain(view, item)
    return None if found is None else f"{found.kind} {found.by}".strip()


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (FIRST, "init systemd"),
        (process("/usr/sbin/sshd -D", unit="ssh.service", exe="/usr/sbin/sshd"), "package openssh-server"),
        (process("/bin/bash", f"/usr/sbin/sshd < {INIT}", unit="ssh.service"), "session root"),
        (process("/bin/bash", f"/usr/bin/login < {INIT}", unit="getty@tty1.service"), "session root"),
        (process("/usr/bin/sleep 9", unit="ssh.service"), None),
        (process("/usr/bin/sleep 9", f"/usr/bin/su < {INIT}", unit="ssh.service"), None),
        (process("/usr/bin/tmux", unit="session-*.scope"), None),
        (process("/bin/bash", f"/usr/bin/tmux < {INIT}", unit="session-*.scope"), None),
        (process("/usr/bin/vi", f"/usr/bin/bash < /usr/sbin/sshd < {INIT}", unit="session-*.scope"), "session root"),
        (process("/usr/bin/ssh-agent", unit="session-*.scope"), "session root"),
        (process("/usr/bin/sleep 9", unit="run-*.service"), None),
        (process("/usr/bin/sleep 9", unit="made.service"), None),
        (process("/usr/bin/sleep 9", unit="gone.service"), None),
        (process("/usr/bin/sleep 9", unit="some.scope"), "unit some.scope"),
        (process("/usr/bin/sleep 9", f"/usr/bin/dash < /usr/sbin/cron < {INIT}", unit="cron.service"), "cron"),
        (process("/opt/shop/run", unit="shop.service", package=""), "unit shop.service"),
        (process("/usr/sbin/php-fpm8.2", unit="php-fpm.service", pid=60), "package php-fpm"),
        (process("php-fpm:", f"/usr/sbin/php-fpm8.2 < {INIT}", unit="php-fpm.service"), "package php-fpm"),
        (process("/tmp/.x", unit="php-fpm.service", package=""), None),
        (process("/usr/bin/dbus-daemon", unit="user@1000.service/dbus.service"), "session root"),
        (process("/usr/sbin/nginx", container="docker:0123456789ab", package=None), "container docker:0123456789ab"),
    ],
)
def test_who_started_a_process_under_systemd(item: Item, kind: str | None) -> None:
    first = () if item is FIRST else (FIRST,)
    assert explained("processes", item, *first, *SYSTEMD) == kind


def script(name: str, **more: Json) -> Item:
    return service(name, "sysv", **{"fragment": f"/etc/init.d/{name}", "kind": "script", **more})


@pytest.mark.parametrize(
    ("item", "others", "kind"),
    [
        (
            process("/usr/sbin/cron", "/usr/sbin/init", package="cron"),
            [script("cron", package="cron")],
            "init script cron",
        ),
        (
            process("/usr/lib/postgresql/15/bin/postgres", "/usr/sbin/init", package="postgresql-15"),
            [script("postgresql", package="postgresql-common")],
            "init script postgresql-common",
        ),
        (process("/usr/bin/sleep 9", "/usr/sbin/init"), [script("cron", package="cron")], None),
        (
            process("/opt/my/bin/svc", "/usr/sbin/init", package=""),
            [
                script("my", package=""),
                Item(
                    "contents", "/etc/init.d/my", {"path": "/etc/init.d/my", "text": "#!/bin/sh\n/opt/my/bin/svc &\n"}
                ),
            ],
            "init script",
        ),
        (
            process("/sbin/getty 38400 tty1", "/usr/sbin/init", package="util-linux"),
            [service("1", "inittab", package="", fragment="/etc/inittab", command="/sbin/getty 38400 tty1")],
            "inittab /etc/inittab",
        ),
        (
            process("/opt/shop/venv/bin/python app.py", "/usr/sbin/init", package=""),
            [
                service(
                    "rc.local", "rc.local", package="", fragment="/etc/rc.local", command="su shop -c /opt/shop/run.sh"
                )
            ],
            "rc.local /etc/rc.local",
        ),
        (process("/bin/bash", "/usr/sbin/sshd < /usr/sbin/init"), [], "session root"),
    ],
)
def test_who_started_a_process_under_older_inits(item: Item, others: list[Item], kind: str | None) -> None:
    assert explained("processes", item, SYSV, *others) == kind


def test_below_the_first_process_of_a_container_nothing_is_by_hand() -> None:
    first = process("/usr/bin/supervisord", None, 1, package="")
    assert explained("processes", process("/usr/sbin/nginx", "/usr/bin/supervisord"), first) == "init supervisord"
    entered = Item("processes", "x", {**process("/bin/sh", None).attributes}, {"pid": [9], "ppid": [0]})
    assert explained("processes", entered, first) == "session root"


def test_a_unit_is_not_this_hosts_where_systemd_is_not_init() -> None:
    inside = process("/usr/sbin/cron -f", "/usr/bin/supervisord", unit="cron.service")
    assert explained("processes", inside, process("/usr/bin/supervisord", None, 1)) == "container cron.service"


def test_threads_of_the_kernel_need_no_explanation() -> None:
    asks = item_explainers()["processes"].asks
    assert not asks(process("kworker", kernel=True))
    assert asks(process("/bin/sh"))


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("/srv/app.py --port 80", "/srv/app.py"),
        ("-u -W ignore app.py", "app.py"),
        ("-m http.server", None),
        ("-c print(1)", None),
        ("-Xmx1g -cp a.jar -jar /opt/x.jar", "/opt/x.jar"),
        ("", None),
        ("-r ./hook.js server.js", "server.js"),
    ],
)
def test_the_script_of_an_interpreter(words: str, file: str | None) -> None:
    assert script_word(words.split()) == file


def test_a_program_that_nobody_has_packaged() -> None:
    files = tree(
        leaf(b"usr/bin/python3.11", b"f755 0 0"), leaf(b"opt/venv/bin/python", b"l777 0 0", b"/usr/bin/python3")
    )
    view = View(snapshot(files=files, manifests=[manifest("python3", b"/usr/bin/python3.11", b"/usr/bin/tool")]))
    python = {"exe": "/usr/bin/python3.11", "package": "python3", "cwd": "/srv", "container": None}
    assert strange_program(view, {**python, "argv": ["python3", "app.py"]}) == "/srv/app.py"
    assert strange_program(view, {**python, "argv": ["python3", "/usr/bin/tool"]}) is None
    assert strange_program(view, {**python, "argv": ["/opt/venv/bin/python", "-m", "app"]}) == "/opt/venv/bin/python"
    assert strange_program(view, {**python, "argv": ["python3"], "container": "docker:1"}) is None
    assert strange_program(view, {"exe": "/opt/x", "package": "", "argv": ["/opt/x"]}) == "/opt/x"
    assert strange_program(view, {"exe": "/opt/x", "package": None, "argv": ["/opt/x"]}) is None


def listens(exe: str, package: str | None, **more: Json) -> Item:
    told = {"state": "listen", "protocol": "tcp", "address": "0.0.0.0", "port": 80, "exe": exe, "package": package}
    return Item("sockets", "tcp 0.0.0.0:80", {**told, "container": None, **more}, {"pid": [77]})


def test_who_listens() -> None:
    assert explained("sockets", listens("/usr/sbin/nginx", "nginx")) == "package nginx"
    assert explained("sockets", listens("/opt/x", "")) is None
    assert explained("sockets", listens("/x", None, container="docker:1")) == "container docker:1"
    serving = process("/usr/bin/python3.11 /srv/app.py", package="python3")
    assert explained("sockets", listens("/usr/bin/python3.11", "python3"), serving) is None
    asks = item_explainers()["sockets"].asks
    assert not asks(listens("/x", "", state="established"))
    assert not asks(Item("sockets", "x", {"state": "listen", "exe": None}))  # the kernel's own


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (SSH, "package openssh-server"),
        (HAND, None),
        (
            service("x.socket", package=None, fragment="/run/systemd/generator/x.socket", enabled="generated"),
            "generated systemd",
        ),
        (service("sshd.service", package="", alias_of="ssh.service", enabled="alias"), "enablement openssh-server"),
        (service("me.service", package="", alias_of="shop.service", enabled="alias"), None),
        (service("gone.timer", package=None, fragment=None, load="not-found"), "enablement"),
        (
            service("m.service", package="", fragment="/etc/systemd/system/m.service", load="masked"),
            "maintainer script",
        ),
        (service("n.service", package="", fragment="/etc/systemd/system/n.service", load="masked"), None),
        (service("id", "inittab", package="", fragment="/etc/inittab", command=""), "init"),
        (service("x", "inittab", package="", fragment="/etc/inittab", command="/opt/x -d"), None),
    ],
)
def test_who_wrote_a_service(item: Item, kind: str | None) -> None:
    files = (leaf(b"var/lib/systemd/deb-systemd-helper-masked/m.service", b"f644 0 0"), leaf(b"opt/x", b"f755 0 0"))
    others = [one for one in SYSTEMD if one is not item]
    assert explained("services", item, *others, files=files) == kind


def schedule(file: str, command: str, package: str | None = "", kind: str = "cron") -> Item:
    told = {"kind": kind, "file": file, "user": "root", "when": "0 4 * * *", "command": command, "package": package}
    return Item("schedules", f"{file}: {command}", {**told, "ignored": False, "environment": None})


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (schedule("/etc/cron.d/e2scrub_all", "x", "e2fsprogs"), "package e2fsprogs"),
        (schedule("/etc/cron.d/ours", "x"), None),
        (schedule("/etc/crontab", "cd / && run-parts --report /etc/cron.hourly", "cron"), "package cron"),
        (schedule("/etc/crontab", "run-parts /etc/periodic/15min"), "package cron"),
        (schedule("/etc/crontab", "/usr/local/sbin/nightly", "cron"), None),
        (schedule("/var/spool/cron/crontabs/root", "run-parts /etc/cron.daily"), None),
        (schedule("/run/systemd/generator/x.timer", "x", None, "timer"), "generated systemd"),
    ],
)
def test_who_made_a_schedule(item: Item, kind: str | None) -> None:
    hashed = Item("files", "/etc/crontab", {"digest": "md5:11"})
    owned = manifest("cron")
    owned.files[b"/etc/crontab"] = b"md5:00"
    view = View(snapshot([item, hashed], files=tree(leaf(b"etc/crontab", b"f644 0 0")), manifests=[owned]))
    found = item_explainers()["schedules"].explain(view, item)
    assert (None if found is None else f"{found.kind} {found.by}") == kind


def test_all_lines_of_an_unchanged_crontab_are_its_packages() -> None:
    line = schedule("/etc/crontab", "/usr/lib/vendor/tick", "cron")
    assert explained("schedules", line, cron=(b"/etc/crontab",)) == "package cron"


def user(name: str, uid: int, **more: Json) -> Item:
    told: dict[str, Json] = {"kind": "user", "name": name, "uid": uid, "gid": uid, "home": "/nonexistent"}
    told |= {"shell": "/usr/sbin/nologin", "password": "locked", "declared": None}
    return Item("accounts", f"user {name}", {**told, **more})


def group(name: str, gid: int, **more: Json) -> Item:
    return Item("accounts", f"group {name}", {"kind": "group", "name": name, "gid": gid, "members": [], **more})


POSTINST = "/var/lib/dpkg/info/redis-tools:amd64.postinst"


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (user("root", 0), "base system"),
        (user("toor", 0), None),
        (user("nobody", 65534), "base system"),
        (user("www-data", 33), "base system"),
        (user("backdoor", 34, password="set", shell="/bin/bash"), None),
        (user("redis", 105, declared=POSTINST), "maintainer script redis-tools"),
        (user("messagebus", 996, declared="/usr/lib/sysusers.d/dbus.conf"), "package dbus"),
        (user("oops", 996, declared="/etc/sysusers.d/ours.conf"), None),
        (user("ann", 1000, declared=POSTINST, shell="/bin/bash"), None),
        (user("shopd", 998), "package shop"),  # a packaged unit runs as it
        (user("sshd", 101), "package openssh"),  # named for a packaged program
        (user("svc-backup", 999), None),
        (group("shopdata", 2500), None),
        (group("ann", 1000), "account ann"),
        (group("crontab", 103), "package cron"),  # a packaged file belongs to it
        (group("mystery", 104), None),
        (group("redis", 105), "maintainer script redis-tools"),
        (group("sudo", 27), "base system"),
    ],
)
def test_who_made_an_account(item: Item, kind: str | None) -> None:
    packages = [
        manifest("cron", b"/usr/bin/crontab"),
        manifest("openssh", b"/usr/sbin/sshd"),
        manifest("dbus", b"/usr/lib/sysusers.d/dbus.conf"),
    ]
    others = [
        one
        for one in (user("ann", 1000, shell="/bin/bash"), user("redis", 105, declared=POSTINST))
        if one.key != item.key
    ]
    unit = service("shop.service", package="shop", user="shopd")
    files = tree(leaf(b"usr/bin/crontab", b"f2755 0 103"), leaf(b"srv/x", b"f644 0 104"))
    view = View(snapshot([item, unit, *others], files=files, manifests=packages))
    found = item_explainers()["accounts"].explain(view, item)
    assert (None if found is None else f"{found.kind} {found.by}".strip()) == kind


def test_accounts_are_asked_of_users_and_groups_alone() -> None:
    asks = item_explainers()["accounts"].asks
    assert [asks(item) for item in (user("a", 1), group("b", 2), Item("accounts", "k", {"kind": "key"}))] == [
        True,
        True,
        False,
    ]


def test_scripts_and_lists_that_speak_of_accounts(tmp_path: Path) -> None:
    for path, body in {
        "etc/passwd": "root:x:0:0::/root:/bin/sh\nredis:x:105:105::/:/bin/false\nann:x:1000:1000::/home/ann:/bin/sh\n",
        "etc/group": "root:x:0:\nmessagebus:x:102:\n_ssh:x:103:\n",
        "usr/lib/sysusers.d/dbus.conf": '# u ann\nu messagebus - "System Message Bus"\n',
        "usr/share/base-passwd/passwd.master": "root:*:0:0:root:/root:/bin/bash\n",
        "var/lib/dpkg/info/redis-tools.postinst": "#!/bin/sh\n# ann\nadduser --system $X redis\n",
        "var/lib/dpkg/info/client.postinst": 'addgroup --quiet --system "_ssh" || true\n',
        "var/lib/dpkg/info/innocent.postinst": "echo ann\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(body)
    results = look(tmp_path, "accounts")
    assert makers(results) == {
        "messagebus": "/usr/lib/sysusers.d/dbus.conf",
        "root": "/usr/share/base-passwd/passwd.master",
        "redis": "/var/lib/dpkg/info/redis-tools.postinst",
        "_ssh": "/var/lib/dpkg/info/client.postinst",
    }
    assert MAKERS in scopes()["accounts"].probes
    items = {item.key: item.attributes["declared"] for item in scopes()["accounts"].parse(results).items}
    assert items["user redis"] == "/var/lib/dpkg/info/redis-tools.postinst"
    assert items["user ann"] is None
