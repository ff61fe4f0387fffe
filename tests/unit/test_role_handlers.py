"""What has to run where a path has changed."""

import pytest

from driftscan.role.handlers import handlers_for, in_order
from driftscan.role.model import Handler
from tests.unit.handmade import leaf, manifest
from tests.unit.role_desk import SYSTEMD, item, text, view_of
from tests.unit.test_role_services import DIR, RC, packaged, script, unit

MANIFESTS = [
    manifest("systemd", b"/lib/systemd/systemd", b"/etc/systemd", b"/etc/systemd/journald.conf"),
    manifest("nginx-common", b"/etc/nginx", b"/etc/nginx/nginx.conf", b"/etc/default/nginx", b"/etc/logrotate.d/nginx"),
    manifest("openssh-server", b"/etc/ssh", b"/etc/sv", b"/etc/pam.d/sshd", b"/etc/cron.d"),
    manifest("mariadb-server", b"/etc/mysql", b"/etc/mysql/mariadb.conf.d"),
    manifest("nftables", b"/etc/nftables.conf"),
    manifest("locales", b"/usr/sbin/locale-gen"),
]
ITEMS = [
    SYSTEMD,
    packaged("nginx.service", "nginx-common"),
    packaged("ssh.service", "openssh-server"),
    packaged("mariadb.service", "mariadb-server"),
    packaged("nftables.service", "nftables", command="/usr/sbin/nft -f /etc/nftables.conf"),
    packaged("systemd-journald.service", "systemd"),
    packaged("dbus.service", "dbus"),
    unit("app.service", {"needed_by": ["multi-user.target"]}, command="/opt/app/bin/run",
         wanted_by=["multi-user.target"], dropins=[f"{DIR}/app.service.d/x.conf"], environment="CONF=/etc/app.yml"),
    unit("one.timer", wanted_by=["timers.target"]),
    unit("loose.service", enabled="disabled"),
    RC,
    text("/etc/ld.so.conf.d/acme.conf", "# mine\n/opt/acme/lib\n"),
    item("certificates", "/etc/ssl/certs/shop.pem", path="/etc/ssl/certs/shop.pem",
         key_path="/etc/ssl/private/shop.key", used_by=["/etc/nginx/sites-enabled/shop"]),
]  # fmt: skip
LEAVES = [
    *(leaf(path, b"f644 0 0") for one in MANIFESTS for path in one.files if b"." in path.rpartition(b"/")[2][1:]
      and not path.endswith(b".d")),
    *(leaf(path, b"d755 0 0") for path in (b"/etc/nginx", b"/etc/ssh", b"/etc/sv", b"/etc/mysql/mariadb.conf.d",
                                           b"/etc/cron.d", b"/opt/acme/lib", b"/opt/app/conf")),
    leaf(b"/usr/sbin/locale-gen", b"f755 0 0"), leaf(b"/opt/app/bin/run", b"f755 0 0"),
    leaf(b"/opt/app/x", b"f644 0 0"),
    leaf(b"/opt/app/.env", b"l777 0 0", b"/srv/secret"), leaf(b"/srv/secret", b"f600 0 0"),
    leaf(b"/etc/app.yml", b"f644 0 0"), leaf(b"/etc/rc.local", b"f755 0 0"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (f"{DIR}/app.service", ["reload units", "restart app.service"]),
        (f"{DIR}/app.service.d/x.conf", ["reload units", "restart app.service"]),
        (f"{DIR}/one.timer", ["reload units", "restart one.timer"]),
        (f"{DIR}/loose.service", ["reload units"]),
        ("/etc/systemd/journald.conf", ["restart systemd-journald.service"]),
        ("/etc/systemd/journald.conf.d/x.conf", ["restart systemd-journald.service"]),
        ("/etc/nginx/nginx.conf", ["restart nginx.service"]),
        ("/etc/nginx/sites-enabled/shop", ["restart nginx.service"]),
        ("/etc/default/nginx", ["restart nginx.service"]),
        ("/etc/default/ssh", ["restart ssh.service"]),
        ("/etc/mysql/mariadb.conf.d/x.cnf", ["restart mariadb.service"]),
        ("/etc/nftables.conf", ["restart nftables.service"]),
        ("/etc/ssh/sshd_config.d/local.conf", ["restart ssh.service"]),
        ("/etc/ssl/private/shop.key", ["restart nginx.service"]),
        ("/opt/app/bin/run", ["restart app.service", "restart rc-local.service"]),
        ("/opt/app/x", ["restart app.service", "restart rc-local.service"]),
        ("/opt/app", ["restart app.service", "restart rc-local.service"]),
        ("/srv/secret", ["restart app.service", "restart rc-local.service"]),
        ("/etc/app.yml", ["restart app.service"]),
        ("/etc/rc.local", ["restart rc-local.service"]),
        ("/etc/sysctl.d/99-shop.conf", ["apply kernel settings"]),
        ("/etc/ld.so.conf.d/acme.conf", ["rebuild the cache of libraries"]),
        ("/opt/acme", ["rebuild the cache of libraries"]),
        ("/opt/acme/lib/libx.so.1", ["rebuild the cache of libraries"]),
        ("/usr/local/lib/libx.so", ["rebuild the cache of libraries"]),
        ("/etc/locale.gen", ["generate locales"]),
        ("/etc/fstab", ["reload units"]),
        # Nobody has to be told of these, or the host has no program for them.
        ("/etc/aliases", []),
        ("/etc/logrotate.d/nginx", []),
        ("/etc/cron.d/x", []),
        ("/etc/pam.d/sshd", []),
        ("/etc/sv/x", []),
        ("/etc/sudoers.d/x", []),
        ("/etc/profile.d/x.sh", []),
        ("/etc/modules-load.d/x.conf", []),
        ("/etc/dbus-1/system.conf", []),
        ("/usr/local/bin/x", []),
        ("/opt/application", []),
    ],
)
def test_a_path_tells_what_has_to_run(path: str, names: list[str]) -> None:
    view = view_of(ITEMS, *LEAVES, manifests=MANIFESTS)
    assert [one.name for one in handlers_for(path, view)] == names


def test_an_init_script_is_restarted_where_its_program_runs() -> None:
    busy = item("processes", "sshd", exe="/usr/sbin/sshd", package="openssh-server")
    scripts = [script("ssh", package="openssh-server"), script("single", package="initscripts"), script("foo")]
    leaves = [leaf(b"/etc/ssh", b"d755 0 0"), leaf(b"/etc/single.conf", b"f644 0 0")]
    init = manifest("initscripts", b"/etc/single.conf")
    view = view_of([*scripts, busy], *leaves, manifests=[*MANIFESTS, init])
    assert handlers_for("/etc/ssh/sshd_config", view) == (Handler("restart ssh", ("/etc/init.d/ssh", "restart")),)
    assert handlers_for("/etc/init.d/foo", view) == (Handler("restart foo", ("/etc/init.d/foo", "restart")),)
    assert handlers_for("/etc/single.conf", view) == ()
    assert handlers_for("/etc/sysctl.conf", view) == (Handler("apply kernel settings", ("sysctl", "--system")),)


def test_handlers_run_once_in_the_order_of_what_they_do() -> None:
    view = view_of(ITEMS, *LEAVES, manifests=MANIFESTS)
    paths = ["/opt/app", "/etc/nginx/x", "/etc/locale.gen", f"{DIR}/app.service", "/etc/nginx/y"]
    found = in_order(one for path in paths for one in handlers_for(path, view))
    assert [one.name for one in found] == [
        "reload units",
        "generate locales",
        "restart app.service",
        "restart nginx.service",
        "restart rc-local.service",
    ]
    assert [one.command for one in found][:2] == [("systemctl", "daemon-reload"), ("locale-gen",)]
