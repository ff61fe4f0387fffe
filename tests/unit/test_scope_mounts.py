"""The scope mounts: the kernel's list, fstab, swap, and which mounts are nobody's decision."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.scopes.mounts import SCOPE
from tests.unit.conftest import look
from tests.unit.scope_checks import Results, garbled, truncated, well_formed

LIVE = rb"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
23 22 0:20 / /proc rw,nosuid - proc proc rw
24 22 0:45 / /run/user/0 rw - tmpfs tmpfs rw,size=1k
25 22 8:17 / /srv/my\040data rw,noatime shared:2 - xfs /dev/sdb1 rw
26 22 0:50 / /mnt/share rw,relatime - cifs //nas/share rw,vers=3.0,username=bob,password=hunter2
27 22 8:17 /sub /opt/bind rw - xfs /dev/sdb1 rw
28 22 0:60 / /net/home rw - autofs /etc/auto.home rw,fd=6
29 28 0:61 / /net/home/bob rw - nfs4 nas:/home/bob rw
30 22 8:33 / /efi rw - vfat /dev/sdc1 rw
31 22 0:70 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw

swaps
/dev/dm-1 partition 1024 0 -2
"""
FSTAB = rb"""# static
UUID=1-2 / ext4 errors=remount-ro 0 1
/dev/sdb1 /srv/my\040data xfs noatime 0 2
LABEL=swap none swap sw 0 0
nfs01:/export /mnt/gone/ nfs4 ro,credentials=/root/.nas,password=hunter2 0 0
broken
"""


def host(fstab: Outcome = Outcome.OK) -> Results:
    return {
        "fstab": ProbeResult("fstab", Outcome.OK, files=(HostFile(b"/etc/fstab", fstab, FSTAB),)),
        "mounted": ProbeResult("mounted", Outcome.OK, stdout=LIVE),
        "mount-units": ProbeResult("mount-units", Outcome.OK, stdout=b"made efi.mount\nfile opt-bind.mount\n"),
    }


def test_every_place_once() -> None:
    parsed = SCOPE.parse(host())
    well_formed(SCOPE, parsed)
    found = {item.key: item.attributes for item in parsed.items}
    assert {key: (one["in_fstab"], one["mounted"], one["automatic"]) for key, one in found.items()} == {
        "/": (True, True, False),
        "/proc": (False, True, True),
        "/srv/my data": (True, True, False),
        "/mnt/share": (False, True, False),
        "/opt/bind": (False, True, False),
        "/net/home": (False, True, True),
        "/net/home/bob": (False, True, True),
        "/efi": (False, True, True),
        "/dev/dm-1": (False, True, False),
        "LABEL=swap": (True, None, False),
        "/mnt/gone": (True, False, False),
    }
    assert found["/opt/bind"]["subtree"] == "/sub"
    assert found["/opt/bind"]["unit"] == "opt-bind.mount"
    assert "hunter2" not in repr(found)
    assert "credentials=/root/.nas" in found["/mnt/gone"]["fstab_options"]
    assert found["/"]["options"] == "rw,relatime,errors=remount-ro"
    assert parsed.unparsed


def test_what_was_not_seen_is_unknown() -> None:
    found = {item.key: item.attributes for item in SCOPE.parse(host(Outcome.DENIED)).items}
    assert found["/mnt/share"]["in_fstab"] is None
    gone = host() | {"mounted": ProbeResult("mounted", Outcome.TIMEOUT)}
    assert {item.attributes["mounted"] for item in SCOPE.parse(gone).items} == {None}


def test_an_image(tmp_path: Path) -> None:
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/fstab").write_text("/dev/vda1 / ext4\n")
    (tmp_path / "etc/systemd/system/srv-a\\x2db.mount").write_text("[Mount]\n")
    results = look(tmp_path, "mounts")
    assert results["mount-units"].stdout == b"file srv-a\\x2db.mount\n"
    [item] = SCOPE.parse(results).items
    assert (item.key, item.attributes["mounted"]) == ("/", None)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_whatever_arrives(data: st.DataObject) -> None:
    well_formed(SCOPE, SCOPE.parse(data.draw(garbled(host()))))
    cut = SCOPE.parse(truncated(host(), "mounted", data.draw(st.integers(0, len(LIVE)))))
    well_formed(SCOPE, cut)
    assert {item.key for item in cut.items} <= {item.key for item in SCOPE.parse(host()).items}
    assert not any(item.attributes["mounted"] is False for item in cut.items)
