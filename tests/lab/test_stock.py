"""A freshly installed host of any kind is explained and raises no alarm; nothing planted is explained away."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from driftscan.explain.view import View
from driftscan.store.store import Store
from tests.conftest import Cli
from tests.lab import hosts

pytestmark = pytest.mark.lab

Flavor = Callable[[str], hosts.LabHost]
Login = Callable[..., list[str]]

STOCK = ["bookworm", "bookworm-nopy", "trixie", "bullseye", "sysv", "rpm", "arch"]
LAB = {"/etc/apt/apt.conf.d/90site-proxy"}  # what lab.sh writes into hosts, and no installation would
EXPLAINED = {"files", "processes", "packages", "services", "schedules", "accounts", "sockets"}
TIDY = {"info", "low"}
# Where sauce.sh put things; finds and findings say the rest (changed configuration, links of alternatives …).
PLANTED = """
/etc/apt/preferences.d/redis /etc/apt/sources.list.d/acme.list /etc/cron.d/shop-backup /etc/cron.daily/shop-clean
/etc/ld.so.conf.d/acme.conf /etc/nginx/sites-available/shop /etc/rc.local /etc/ssl/certs/shop.pem
/etc/ssl/private/shop.key /etc/sudoers.d/90-auditor /etc/sudoers.d/deploy /etc/sysctl.d/99-shop.conf
/etc/systemd/system/apt-daily.timer /etc/systemd/system/nginx.service.d /etc/systemd/system/nightly.timer
/etc/systemd/system/shop-worker.service /home/deploy/secrets /opt/acme /opt/chroot /opt/loop /opt/oldproject
/opt/shopapp /srv/apps /srv/shared /srv/weird /usr/local/bin/.sh /usr/local/bin/imgconv /usr/local/bin/portbind
/usr/local/sbin/nightly /var/lib/shop /var/log/append-only.log /var/spool/cron/crontabs/deploy
/var/spool/cron/crontabs/root /var/spool/dropzone /var/www/shop
""".split()  # noqa: SIM905


def alarms(seen: dict) -> dict[str, list]:
    """Return all that should not be there in the audit of a stock host, by what it is about."""
    found = {scope: share["unexplained"] for scope, share in seen["explained"].items()}
    found["files"] = [find["path"] for find in seen["finds"] if find["path"] not in LAB]
    found["findings"] = [
        (finding["severity"], finding["rule"], finding["subject"], finding["evidence"])
        for finding in seen["findings"]
        if finding["severity"] not in TIDY
    ]
    found["rules that could not judge"] = list(seen["unjudged"])
    return {what: strange for what, strange in found.items() if strange}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in STOCK])
def test_a_stock_host_is_explained_and_raises_no_alarm(name: str, cli: Cli, login: Login) -> None:
    with hosts.host(f"stock-{name}", name) as host:  # its own: other tests make accounts on theirs
        done = cli("audit", *login(host), "--format", "json")
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    seen = json.loads(done.stdout)
    assert alarms(seen) == {}
    shares = seen["explained"]
    assert set(shares) >= EXPLAINED
    assert shares["files"]["total"] > 10_000
    assert shares["files"]["total"] - shares["files"]["explained"] == len(seen["finds"]), "a path in none of the finds"
    assert {scope for scope in EXPLAINED if not shares[scope]["explained"]} == set(), "nothing there to explain"


@pytest.mark.xdist_group("sauced")
def test_nothing_that_a_person_planted_is_explained_away(
    flavor: Flavor, cli: Cli, login: Login, tmp_path: Path
) -> None:
    done = cli("scan", *login(flavor("sauced")))
    assert done.returncode == 0, done.stderr
    with Store.open(tmp_path / "driftscan.db") as store:
        [stored] = store.snapshots()
        explained = View(store.load(stored)).explained
    known = {path: explained.of(path.encode()) for path in PLANTED}
    assert {path: why for path, why in known.items() if why is not None} == {}
