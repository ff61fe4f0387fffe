import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftscan.explain.containers import EXPLAINER
from driftscan.explain.view import View
from driftscan.scopes._container_files import read
from driftscan.scopes.containers import SCOPE
from tests.unit.handmade import leaf, snapshot, tree
from tests.unit.scope_checks import garbled
from tests.unit.second_look import held, image, look_again, parsed, seen

ID = "ab" * 32
DOCKER = {
    "ID": ID,
    "Name": "/shop-db",
    "Created": "2026-06-07T10:00:00.123456789Z",
    "Path": "docker-entrypoint.sh",
    "Args": ["postgres", "--password=tiger-77"],
    "Config": {"Image": "postgres:15", "Env": ["POSTGRES_PASSWORD=pg-Pa55"]},
    "State": {"Running": True, "StartedAt": "2026-06-07T10:00:01Z"},
    "MountPoints": {"/data": {"Source": "/srv/pg"}},
    "NetworkSettings": {"Ports": {"5432/tcp": [{"HostIp": "0.0.0.0", "HostPort": "5432"}], "9/tcp": None}},
}
DOMAIN = b"""<domain type='kvm'><name>vm1</name><devices>
<disk type='file'><source file='/var/lib/libvirt/images/vm1.qcow2'/></disk></devices></domain>"""
FILES: dict[str, bytes | str] = {
    f"/var/lib/docker/containers/{ID}/config.v2.json": json.dumps(DOCKER).encode(),
    "/var/lib/docker/image/overlay2/repositories.json": json.dumps(
        {"Repositories": {"postgres": {"postgres:15": "sha256:1", "postgres@sha256:2": "sha256:1"}}}
    ).encode(),
    "/var/lib/docker/volumes/pg/_data/x": b"x",
    "/var/lib/docker/overlay2/aa/diff/etc/x.xml": b"<a/>",
    "/home/a/.local/share/containers/storage/overlay-containers/containers.json": json.dumps(
        [
            {
                "id": ID,
                "names": ["web"],
                "metadata": '{"image-name": "docker.io/nginx"}',
                "created": "2026-06-07T10:00:00.1Z",
            }
        ]
    ).encode(),
    "/var/lib/containers/storage/overlay-images/images.json": json.dumps([{"id": ID, "names": ["nginx:1"]}]).encode(),
    "/etc/containers/systemd/q.container": b"[Container]\nImage=quay.io/q\nExec=/run --token=abc-1\n",
    "/var/lib/lxc/c1/config": b"# x\nlxc.rootfs.path = dir:/x\nlxc.mount.entry = /srv/x srv none bind\n",
    "/var/lib/machines/box/etc/hostname": b"box\n",
    "/etc/libvirt/qemu/vm1.xml": DOMAIN,
    "/var/lib/libvirt/images/vm1.qcow2": b"QFI",
    "/var/lib/libvirt/images/forgotten.qcow2": b"QFI",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image(tmp_path_factory.mktemp("image"), FILES)


def test_what_runtimes_keep(root: Path) -> None:
    made = parsed(root, "containers", seen(root))
    found = {key: item.attributes for key, item in held("containers", made).items()}
    assert not made.unparsed
    assert sorted(found) == [
        "docker container shop-db",
        "docker image postgres:15",
        "docker volume pg",
        "libvirt machine vm1",
        "lxc container c1",
        "nspawn machine box",
        "podman container q",
        "podman container web",
        "podman image nginx:1",
    ]
    database = found["docker container shop-db"]
    assert database["command"] == "docker-entrypoint.sh postgres --password=<secret:password>"
    assert (database["image"], database["state"], database["ports"]) == (
        "postgres:15",
        "running",
        "0.0.0.0:5432->5432/tcp",
    )
    assert (database["mounts"], database["created"]) == (["/srv/pg"], "2026-06-07T10:00:00Z")
    assert found["podman container web"]["image"] == "docker.io/nginx"
    assert found["podman container q"]["command"] == "/run --token=<secret:token>"
    assert found["lxc container c1"]["mounts"] == ["/srv/x"]
    assert found["libvirt machine vm1"]["mounts"] == ["/var/lib/libvirt/images/vm1.qcow2"]
    assert "pg-Pa55" not in repr(made)


def test_their_stores_are_explained(root: Path) -> None:
    first = seen(root)
    items = parsed(root, "containers", first).items
    claims = {claim.path: claim for claim in EXPLAINER.claims(View(seen(root, items=items)))}
    docker = claims[b"/var/lib/docker"]
    assert docker.whole
    assert (docker.explanation.by, docker.explanation.detail) == ("docker", "1 container, 1 image, 1 volume")
    assert claims[b"/home/a/.local/share/containers/storage"].whole
    assert {b"/var/lib/lxc/c1", b"/var/lib/machines/box", b"/var/lib/libvirt/images/vm1.qcow2"} <= set(claims)
    assert b"/var/lib/libvirt/images/forgotten.qcow2" not in claims


def test_a_directory_called_docker_is_not_yet_dockers() -> None:
    files = tree(leaf(b"var/lib/docker/notes.txt", b"f644 0 0"))
    assert list(EXPLAINER.claims(View(snapshot(files=files)))) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"<a",
        b'<!DOCTYPE x [<!ENTITY a "b">]><domain><name>&a;</name></domain>',
        b"<a></a></a>",
    ],
)
@pytest.mark.parametrize("path", [path.encode() for path in FILES])
def test_garbage_is_not_understood(path: bytes, body: bytes) -> None:
    found = read(path, body)
    assert found is None or not any(one.name == "b" for one in found)


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_whatever_arrives(root: Path, data: st.DataObject) -> None:
    if not _CACHE:
        _CACHE.append((seen(root), look_again(root, "containers", seen(root))))
    first, results = _CACHE[0]
    held("containers", SCOPE.follow.parse(first, data.draw(garbled(results))))


def test_odd_types_in_the_json() -> None:
    for value in (None, 3, [], "x", [[]], {"a": None}):
        odd = dict.fromkeys(DOCKER, value)
        for path in FILES:
            read(path.encode(), json.dumps(odd).encode())
            read(path.encode(), json.dumps([odd, value]).encode())


_CACHE: list[tuple] = []
