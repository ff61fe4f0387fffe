from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.scopes.alternatives import read
from driftscan.scopes.base import scopes
from tests.unit.conftest import look
from tests.unit.scope_checks import garbled, well_formed

SCOPES = ("alternatives", "diversions", "statoverrides", "ucf")
EDITOR = (
    "manual\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/man1/editor.1.gz\neditor.da.1.gz\n/usr/share/man/da/e.gz\n\n"
    "/bin/nano\n40\n/usr/share/man/man1/nano.1.gz\n\n/usr/bin/vim.tiny\n-15\n\n\n\n"
)
JAVA = "auto\n/usr/bin/java\n\n/usr/lib/jvm/a/bin/java\n@java.x86_64@1700 svc\n/usr/lib/jvm/b/bin/java\n1800\n\n"
CRON = (
    "if ! dpkg-statoverride --list /usr/bin/crontab; then dpkg-statoverride --add root crontab 2755 /usr/bin/crontab\n"
)
REDIS = "USER=redis\nFILE=/etc/redis/redis.conf\ndpkg-statoverride --add $USER $USER 640 $FILE\n"
HOST = {
    "var/lib/dpkg/alternatives/editor": EDITOR,
    "var/lib/dpkg/alternatives/java": JAVA,
    "var/lib/dpkg/alternatives/odd": "sometimes\n/usr/bin/odd\n\n",
    "var/lib/dpkg/diversions": "/usr/bin/less\n/usr/bin/less.distrib\n:\n/bin/sh\n/bin/sh.distrib\ndash\n/cut\n",
    "var/lib/dpkg/statoverride": "root crontab 2755 /usr/bin/crontab\nredis redis 640 /etc/redis/redis.conf\n"
    "root shopdata 04750 /usr/bin/psql\nroot crontab 755 /usr/bin/other\n#107 #0 755 /srv/with space\nnonsense\n",
    "var/lib/dpkg/info/cron.postinst": CRON,
    "var/lib/dpkg/info/redis-server:amd64.postinst": REDIS,
    "var/lib/dpkg/info/other.postinst": "echo root shopdata 4750 psql\n",
    "var/lib/ucf/hashfile": f"{'e' * 32}  /etc/ssh/sshd_config\n\njunk\n",
    "var/lib/ucf/registry": "openssh-server \t /etc/ssh/sshd_config\ndma \t /etc/dma/dma.conf\n",
}  # fmt: skip


def plant(root: Path) -> Path:
    for name, body in HOST.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    links = root / "etc/alternatives"
    links.mkdir(parents=True)
    (links / "editor").symlink_to("/bin/nano")
    (links / "java").symlink_to("../../opt/java")
    return root


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> dict:
    root = plant(tmp_path_factory.mktemp("host"))
    return {scope: look(root, scope) for scope in SCOPES}


def parsed(host: dict, scope: str) -> tuple[dict, dict]:
    found = scopes()[scope].parse(host[scope])
    well_formed(scopes()[scope], found)
    return {item.key: item.attributes for item in found.items}, found.unparsed


def test_alternatives(host: dict) -> None:
    found, unparsed = parsed(host, "alternatives")
    editor, java = found["editor"], found["java"]
    assert (editor["status"], editor["link"], editor["value"]) == ("manual", "/usr/bin/editor", "/bin/nano")
    assert (editor["best"], editor["choices"]) == ("/bin/nano", [["/bin/nano", 40], ["/usr/bin/vim.tiny", -15]])
    assert editor["slaves"][1] == ["editor.da.1.gz", "/usr/share/man/da/e.gz"]
    assert (java["best"], java["value"]) == ("/usr/lib/jvm/b/bin/java", "/etc/alternatives/../../opt/java")
    assert unparsed == {"alternatives": "1 alternatives not understood, the first: odd"}


def test_diversions(host: dict) -> None:
    found, unparsed = parsed(host, "diversions")
    assert found["/usr/bin/less"] == {"path": "/usr/bin/less", "diverted_to": "/usr/bin/less.distrib", "by": ""}
    assert found["/bin/sh"]["by"] == "dash"
    assert unparsed == {"diversions": "1 lines not understood, the first: /cut"}


def test_statoverrides(host: dict) -> None:
    found, unparsed = parsed(host, "statoverrides")
    assert {path: (one["mode"], one["made_by"]) for path, one in found.items()} == {
        "/usr/bin/crontab": ("2755", "cron"),
        "/etc/redis/redis.conf": ("0640", "redis-server"),
        "/usr/bin/psql": ("4750", ""),
        "/usr/bin/other": ("0755", ""),
        "/srv/with space": ("0755", ""),
    }
    assert found["/srv/with space"]["user"] == "#107"
    assert unparsed == {"statoverrides": "1 lines not understood, the first: nonsense"}


def test_without_the_scripts_nobody_knows_who_made_an_override(host: dict) -> None:
    results = {name: result for name, result in host["statoverrides"].items() if name == "statoverrides"}
    assert {item.attributes["made_by"] for item in scopes()["statoverrides"].parse(results).items} == {None}


def test_ucf(host: dict) -> None:
    found, unparsed = parsed(host, "ucf")
    ssh = {"path": "/etc/ssh/sshd_config", "package": "openssh-server", "digest": f"md5:{'e' * 32}"}
    dma = {"path": "/etc/dma/dma.conf", "package": "dma", "digest": ""}
    assert found == {"/etc/ssh/sshd_config": ssh, "/etc/dma/dma.conf": dma}
    assert unparsed == {"ucf": "1 lines not understood, the first: junk"}


def test_a_host_with_none_of_them(tmp_path: Path) -> None:
    for scope in SCOPES:
        found = scopes()[scope].parse(look(tmp_path, scope))
        assert (list(found.items), dict(found.unparsed)) == ([], {})


@given(body=st.text(st.sampled_from("auto\n/usr b19@-"), max_size=60))
def test_any_file_of_an_alternative_is_read_or_refused(body: str) -> None:
    known = read(body)
    assert known is None or known.best in {None, *(path for path, _ in known.choices)}


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_whatever_a_host_sends(host: dict, data: st.DataObject) -> None:
    scope = data.draw(st.sampled_from(SCOPES))
    well_formed(scopes()[scope], scopes()[scope].parse(data.draw(garbled(host[scope]))))
