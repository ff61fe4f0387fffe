"""Images from a role, built by buildah and run: what the host was for answers, what it named arrives as it was."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftscan.cli.judging import view
from driftscan.emit.base import Emitted
from driftscan.emit.dockerfile import EMITTER
from driftscan.findings.base import judge
from driftscan.model.revision import Revision
from driftscan.model.text import raw, text
from driftscan.role.model import Function, Role, Secret
from driftscan.role.plan import plan
from driftscan.role.resources import (
    Archive,
    Content,
    Directory,
    File,
    Group,
    HardLink,
    Lines,
    Link,
    Resource,
    Rights,
    Special,
    User,
    Variable,
)  # fmt: skip
from driftscan.role.steering import Steering
from driftscan.store import Store
from tests.lab import hosts
from tests.unit.roles_made import HOSTILE, packed, role, why

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("emit-dockerfile")]

_LAB = Path(os.environ.get("LAB_DIR", "/srv/lab"))
_PROXY = f"http://{os.environ.get('LAB_NET', '10.77.0')}.1:3142"
_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_BIN = Path(sys.executable).parent
_HOST = "shop.acme.example"


def run(*command: str | Path, check: bool = True, cwd: Path | None = None) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, cwd=cwd)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def base(worker_id: str) -> Iterator[Callable[[str], str]]:
    """Return the image of a lab flavor's stock install, with what images of distributions have: no service starts."""
    hosts.require()
    with ExitStack() as stack:
        made: dict[str, str] = {}

        def get(flavor: str) -> str:
            if flavor not in made:
                run(Path(__file__).with_name("lab.sh"), "base", flavor)
                made[flavor] = f"localhost/driftscan-test/{flavor}-{worker_id}:base"
                stack.callback(run, "buildah", "rmi", "--force", made[flavor], check=False)
                _import(_LAB / "bases" / flavor / "root", made[flavor])
            return made[flavor]

        yield get


def _import(root: Path, name: str) -> None:
    with _mounted(run("buildah", "from", "scratch"), commit=name) as disk:
        run("cp", "-a", f"{root}/.", disk)
        _put(disk / "usr/sbin/policy-rc.d", b"#!/bin/sh\nexit 101\n", 0o755)
        shutil.copy(_CA, disk / "etc/lab-ca.pem")
        if (disk / "etc/yum.repos.d/labbase.repo").exists():
            run("cp", "-a", _LAB / "rpm-repo", disk / "srv/rpm-repo")
        _put(disk / "etc/pip.conf", b"[global]\ncert = /etc/lab-ca.pem\n")


@contextmanager
def _mounted(container: str, commit: str = "") -> Iterator[Path]:
    """Give the disk of a container, which is gone afterwards."""
    try:
        yield Path(run("buildah", "mount", container))
        run("buildah", "umount", container)
        if commit:
            run("buildah", "commit", "-q", container, commit)
    finally:
        run("buildah", "rm", container, check=False)


def _put(path: Path, data: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


class Images:
    """Images of one emitted role, built below a directory; gone at the end."""

    def __init__(self, emitted: Emitted, below: Path, base: str, mark: str) -> None:
        self._below, self._base, self._mark = below, base, mark
        for path, output in emitted.files.items():
            _put(below / path, output.data, 0o755 if output.executable else 0o644)
        checked = list(below.glob("*/Containerfile"))
        run(_BIN / "hadolint", "--failure-threshold", "warning", *checked)
        scripts = list(below.glob("*/start/start"))
        assert not scripts or run(_BIN / "shellcheck", *scripts) == ""

    def name(self, function: str) -> str:
        return f"localhost/driftscan-test/{self._mark}-{function}:built"

    def build(self, *functions: str) -> None:
        for function in functions:
            run(
                *("buildah", "bud", "--isolation", "chroot", "--network", "host"),
                *("--build-arg", f"BASE={self._base}", "--build-arg", f"HTTPS_PROXY={_PROXY}"),
                *("-t", self.name(function), self._below / function),
            )

    def remove(self) -> None:
        for path in self._below.glob("*/Containerfile"):
            run("buildah", "rmi", "--force", self.name(path.parent.name), check=False)


@contextmanager
def images(emitted: Emitted, below: Path, base: str, mark: str) -> Iterator[Images]:
    made = Images(emitted, below, base, mark)
    try:
        yield made
    finally:
        made.remove()


@dataclass(frozen=True)
class Started:
    """A container that runs, or has."""

    container: str
    process: subprocess.Popen[str]

    def ended(self) -> tuple[int, str]:
        """Wait for its end and return its exit code and what it said."""
        said, _ = self.process.communicate(timeout=60)
        return self.process.returncode, said


class Pod:
    """Containers that share a network of their own, as in a pod; `secrets` lies at /run/secrets of each."""

    def __init__(self, name: str, secrets: Path) -> None:
        self._name, self._secrets = name, secrets
        self._stack = ExitStack()

    def __enter__(self) -> "Pod":  # noqa: PYI034 (Self is newer than the oldest Python)
        run("ip", "netns", "add", self._name)
        self._stack.callback(run, "ip", "netns", "del", self._name, check=False)
        run("ip", "-n", self._name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, image: str, data: Mapping[str, bytes] | None = None) -> Started:
        """Start what an image runs by itself, as the user that it says, with `data` on its disk; killed at the end."""
        container = run("buildah", "from", image)
        self._stack.callback(run, "buildah", "rm", container, check=False)
        disk = Path(run("buildah", "mount", container))
        for path, said in (data or {}).items():
            (disk / path.lstrip("/")).write_bytes(said)
            shutil.chown(disk / path.lstrip("/"), (disk / path.lstrip("/")).parent.stat().st_uid)
        run("buildah", "umount", container)
        config = json.loads(run("buildah", "inspect", "--type", "image", image))["OCIv1"]["config"]
        command = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
        started = subprocess.Popen(
            [
                *("ip", "netns", "exec", self._name, "buildah", "run", "--isolation", "chroot"),
                *("-v", f"{self._secrets}:/run/secrets:ro", container, "--", *command),
            ],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._stack.callback(self._end, started)
        return Started(container, started)

    def _end(self, started: subprocess.Popen[str]) -> None:
        for pid in run("ip", "netns", "pids", self._name, check=False).split():
            subprocess.run(["kill", "-9", pid], check=False, capture_output=True)
        started.wait(20)
        if started.stdout is not None:
            started.stdout.close()

    def get(self, url: str, started: Started, *more: str) -> str:
        """Ask until there is an answer."""
        for _ in range(100):
            said = run("ip", "netns", "exec", self._name, "curl", "-sk", "-m", "5", *more, url, check=False)
            if said or started.process.poll() is not None:
                break
            time.sleep(0.1)
        assert started.process.poll() is None, started.ended()
        return said


def planned(host: hosts.LabHost, home: Path, login: Sequence[str]) -> Role:
    """Return the role of a running host, by its true disk."""
    database = home / "x.db"
    environment = {**os.environ, "HOME": str(home), "DRIFTSCAN_DB": str(database)}
    scanned = subprocess.run([_BIN / "driftscan", "scan", *login], env=environment, capture_output=True, check=False)
    assert scanned.returncode == 0, scanned.stderr
    disk = bytes(host.disk())

    def read(path: bytes) -> bytes | None:
        try:
            with open(disk + path, "rb") as opened:
                return opened.read()
        except (OSError, ValueError):
            return None

    with Store.open(database) as store:
        [stored] = store.hosts()
        seen = view(store, store.load(store.snapshot_at(stored.name, Revision("latest"))))
        return plan(seen, judge(seen), Steering(), read, name="legacy")[0]


def test_what_the_sauced_host_is_for_answers(
    flavor: Callable[[str], hosts.LabHost],
    login: Callable[..., list[str]],
    base: Callable[[str], str],
    tmp_path: Path,
    worker_id: str,
) -> None:
    host = flavor("sauced")
    made = planned(host, tmp_path, login(host))
    assert [one.name for one in made.functions] == ["nginx", "redis-server", "shop-worker", "shopapp"]
    emitted = EMITTER.emit(made)
    held = b"".join(output.data for output in emitted.files.values())
    for secret in (b"k-prod-77aa", b"r3d1s-Pa55", b"pg-Pa55w0rd", b"9f86d081884c7d65", b"tok_live_51HabcSECRET"):
        assert secret not in held
    key = (host.disk() / "etc/ssl/private/shop.key").read_bytes()
    assert key.splitlines()[1] not in held
    secrets = tmp_path / "secrets"
    with images(emitted, tmp_path / "out", base("bookworm"), f"sauced-{worker_id}") as built:
        built.build(*(one.name for one in made.functions))
        secrets.mkdir()
        with Pod(f"t-pod-{worker_id}", secrets) as pod:
            code, said = pod.start(built.name("nginx")).ended()
            assert code == 1
            assert "driftscan: secrets that are not given in /run/secrets: shop_key shop_x_api_key" in said
        for one in made.secrets:
            _put(secrets / one.variable, key if one.variable == "shop_key" else b"s3cret")
        with Pod(f"t-pod-{worker_id}", secrets) as pod:
            web = pod.start(built.name("nginx"))
            orders = (host.disk() / "var/lib/shop/orders.db").read_bytes()
            app = pod.start(built.name("shopapp"), {"/var/lib/shop/orders.db": orders})
            redis = pod.start(built.name("redis-server"))
            worker = pod.start(built.name("shop-worker"))
            told = '{"orders": 5000, "bottle": "0.12.25", "key": true}'
            assert pod.get("http://127.0.0.1:8081/", app) == told
            assert pod.get("http://127.0.0.1/status", web, "-H", f"Host: {_HOST}") == "{" + _HOST + "}"
            assert pod.get("https://127.0.0.1/", web) == told
            asked = b"*2\r\n$4\r\nAUTH\r\n$6\r\ns3cret\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n"
            _put(tmp_path / "asked", asked)
            said = pod.get("telnet://127.0.0.1:6379", redis, "-T", str(tmp_path / "asked"))
            assert "PONG" in said
            assert worker.process.poll() is None


@pytest.mark.parametrize("name", ["bookworm", "rpm"])
def test_a_stock_host_has_no_image(
    flavor: Callable[[str], hosts.LabHost], login: Callable[..., list[str]], tmp_path: Path, name: str
) -> None:
    host = flavor(name)
    made = planned(host, tmp_path, login(host))
    assert made.functions == ()
    emitted = EMITTER.emit(made)
    assert list(emitted.files) == ["README.md"]


_SERVER = b"""import http.server, os, sys
class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = open("/etc/hello/word").read() + os.environ["GREETING"] + str(len(os.environ["TOKEN"]))
        self.send_response(200); self.end_headers(); self.wfile.write(said.encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Hello).serve_forever()
"""
_UNIT = b"""[Service]
User=hello
Environment=PORT=8090 "GREETING= to you" TOKEN=tok_live_51HabcSECRET
ExecStart=/usr/bin/python3 /opt/hello/server.py ${PORT}
[Install]
WantedBy=multi-user.target
"""


@pytest.mark.soak
@pytest.mark.parametrize("name", ["bullseye", "rpm"])
def test_a_service_that_somebody_wrote_answers(
    login: Callable[..., list[str]], base: Callable[[str], str], tmp_path: Path, worker_id: str, name: str
) -> None:
    with hosts.host(f"t-image-{name}-{worker_id}", name) as host:
        _put(host.disk() / "opt/hello/server.py", _SERVER)
        _put(host.disk() / "etc/hello/word", b"hi")
        _put(host.disk() / "etc/systemd/system/hello.service", _UNIT)
        host.root("useradd --system --home-dir /opt/hello --shell /usr/sbin/nologin hello")
        host.root("systemctl daemon-reload; systemctl -q enable --now hello; sleep 1")
        made = planned(host, tmp_path, login(host))
    [hello] = made.functions
    assert (hello.name, hello.user, hello.ports) == ("hello", "hello", ("8090/tcp",))
    assert hello.command == ("/usr/bin/python3", "/opt/hello/server.py", "8090")
    assert hello.paths == ("/etc/hello/word", "/opt/hello")
    emitted = EMITTER.emit(made)
    assert b"tok_live" not in b"".join(output.data for output in emitted.files.values())
    _put(tmp_path / "secrets" / made.secrets[0].variable, b"12345")
    with (
        images(emitted, tmp_path / "out", base(name), f"{name}-{worker_id}") as built,
        Pod(f"t-{name}-{worker_id}", tmp_path / "secrets") as pod,
    ):
        built.build("hello")
        started = pod.start(built.name("hello"))
        assert pod.get("http://127.0.0.1:8090/", started) == "hi to you5"


# --- what a hostile host names


_SHOW = b"""#!/bin/sh
for word; do printf '%s\\0' "$word"; done >/out/words
cat /proc/$$/environ >/out/environment
pwd >/out/directory
"""


def hostile(values: Sequence[str]) -> Role:
    """Return a role with one function in which all that a host can choose is one of `values`."""
    resources: list[Resource] = [
        Group(why=why("app", "groups"), name="app", gid=4000),
        File(why=why("/show"), path="/show", mode="0755", content=Content((_SHOW,))),
        Directory(why=why("/out"), path="/out", mode="0777"),
    ]
    for number, value in enumerate(values):
        top = f"/srv/weird/{_name(value)}"
        content = Content((raw(value), Variable("odd"), b"\n" + raw(value)))
        resources += [
            User(why=why("x", "users"), name=f"user{number}", uid=4000 + number, group="app",
                 gecos=value.replace(":", " ").replace("\n", " "), home="/"),
            Directory(why=why(top), path=top, user=f"user{number}", group="app", mode="2750"),
            File(why=why(top), path=f"{top}/file", user=f"user{number}", mode="0604", content=Content((raw(value),))),
            File(why=why(top), path=f"{top}/{_name(value)}", content=Content((raw(value),))),
            File(why=why(top), path=f"{top}/secret", group="app", mode="0640", content=content),
            Link(why=why(top), path=f"{top}/link", target=value),
            HardLink(why=why(top), path=f"{top}/hard", to=f"{top}/file"),
            Special(why=why(top), path=f"{top}/pipe", kind="p", mode="0620"),
            Archive(why=why(top), path=f"{top}/tree", name=f"tree-{number}.tar.gz", data=packed({_name(value): b"1"}),
                    members=()),
            Rights(why=why(top), path=f"{top}/{_name(value)}", group="app", mode="0461"),
        ]  # fmt: skip
        if "\n" not in value:
            resources.append(Lines(why=why("/etc/lines"), path="/srv/lines", lines=(value,)))
    function = Function(
        "odd",
        ("/show", *values),
        directory=f"/srv/weird/{_name(values[0])}",
        environment=tuple((f"VALUE_{number}", value) for number, value in enumerate(values)),
        paths=("/show", "/out", "/srv"),
        starts=values[0],
    )
    made = role(*resources, host=values[0], functions=(function,), secrets=(Secret("odd", (), values[0]),))
    return replace(made, release={**made.release, "name": values[0]})


def _name(value: str) -> str:
    return value.replace("/", "|")[:200]


_SECRET = b"s3 'cret' $(touch /x) \\\n\xff\n"


def _arrives(values: Sequence[str], built: Images, pod: Pod) -> None:
    """Build the image of hostile values, run it, and hold all of it against what was meant."""
    built.build("odd")
    with _mounted(run("buildah", "from", built.name("odd"))) as disk:
        assert not (disk / "x").exists()
        assert not (disk / "driftscan/x").exists()
        assert {path.name.partition("-")[0] for path in (disk / "driftscan").iterdir()} == {"start", "part"}
        for number, value in enumerate(values):
            top = os.path.join(bytes(disk), b"srv/weird", raw(_name(value)))
            entry = os.stat(top)
            assert (entry.st_mode & 0o7777, entry.st_uid, entry.st_gid) == (0o2750, 4000 + number, 4000), value
            assert _read(top, b"file") == raw(value)
            entry = os.stat(os.path.join(top, b"file"))
            assert (entry.st_mode & 0o7777, entry.st_uid, entry.st_nlink) == (0o604, 4000 + number, 2)
            assert _read(top, raw(_name(value))) == raw(value)
            entry = os.stat(os.path.join(top, raw(_name(value))))
            assert (entry.st_mode & 0o7777, entry.st_gid) == (0o461, 4000)
            assert os.readlink(os.path.join(top, b"link")) == raw(value)
            assert os.stat(os.path.join(top, b"pipe")).st_mode == 0o010620
            assert _read(top, b"tree", raw(_name(value))) == b"1"
            assert _read(top, b"secret") == b""
        lines = [raw(value) for value in values if "\n" not in value]
        assert (disk / "srv/lines").read_bytes() == b"".join(line + b"\n" for line in lines)
        accounts = (disk / "etc/passwd").read_bytes()
        for number, value in enumerate(values):
            told = value.replace(":", " ").replace("\n", " ")
            gecos = b"" if any(ord(char) < 32 or ord(char) == 127 for char in told) else raw(told)
            assert b"user%d:x:%d:4000:%s:/:" % (number, 4000 + number, gecos) in accounts
    started = pod.start(built.name("odd"))
    assert started.ended()[0] == 0
    with _mounted(started.container) as disk:
        assert not (disk / "x").exists()
        assert (disk / "out/words").read_bytes() == b"".join(raw(value) + b"\0" for value in values)
        environment = (disk / "out/environment").read_bytes().split(b"\0")
        assert {b"VALUE_%d=%s" % (number, raw(value)) for number, value in enumerate(values)} <= set(environment)
        assert (disk / "out/directory").read_bytes() == b"/srv/weird/" + raw(_name(values[0])) + b"\n"
        for value in values:
            top = os.path.join(bytes(disk), b"srv/weird", raw(_name(value)))
            assert _read(top, b"secret") == raw(value) + _SECRET + b"\n" + raw(value)
            entry = os.stat(os.path.join(top, b"secret"))
            assert (entry.st_mode & 0o7777, entry.st_uid, entry.st_gid) == (0o640, 0, 4000)


def _read(*path: bytes) -> bytes:
    with open(os.path.join(*path), "rb") as opened:
        return opened.read()


def test_what_a_hostile_host_names_arrives_byte_for_byte_and_nothing_runs(
    base: Callable[[str], str], tmp_path: Path, worker_id: str
) -> None:
    _put(tmp_path / "secrets/odd", _SECRET)
    values = [value for value in HOSTILE if value != "x" * 250]
    emitted = EMITTER.emit(hostile(values))
    with (
        images(emitted, tmp_path / "out", base("bookworm"), f"odd-{worker_id}") as built,
        Pod(f"t-odd-{worker_id}", tmp_path / "secrets") as pod,
    ):
        _arrives(values, built, pod)
    assert not Path("/x").exists()


_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Co"), exclude_characters="\0"), min_size=1, max_size=40)
_BYTES = st.binary(min_size=1, max_size=30).map(lambda data: data.replace(b"\0", b"0")).map(text)
_VALUES = st.lists((_TEXTS | _BYTES).filter(lambda value: value not in {".", ".."}), min_size=8, max_size=12)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=_VALUES.map(lambda values: list({_name(value): value for value in values}.values())))
def test_any_name_arrives(
    base: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, worker_id: str, values: list[str]
) -> None:
    below = tmp_path_factory.mktemp("any")
    _put(below / "secrets/odd", _SECRET)
    with (
        images(EMITTER.emit(hostile(values)), below / "out", base("bookworm"), f"any-{worker_id}") as built,
        Pod(f"t-any-{worker_id}", below / "secrets") as pod,
    ):
        _arrives(values, built, pod)
