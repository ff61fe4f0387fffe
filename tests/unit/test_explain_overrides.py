from driftscan.explain import conffiles, overrides
from driftscan.explain.view import View
from driftscan.model.item import Item
from tests.unit.handmade import leaf, manifest, snapshot, tree


def alternative(name: str, link: str, value: str, *slaves: list[str]) -> Item:
    known = {"name": name, "link": link, "status": "auto", "value": value, "best": value, "choices": [[value, 1]]}
    return Item("alternatives", name, {**known, "slaves": list(slaves), "package": "vim"})


def link(path: bytes, target: bytes) -> tuple:
    return leaf(path, b"l777 0 0", target)


def claimed(view: View) -> dict[bytes, str]:
    return {claim.path: claim.explanation.by for claim in overrides.claims(view)}


def test_links_are_claimed_as_far_as_they_lead_where_they_should() -> None:
    files = tree(
        link(b"bin", b"usr/bin"),
        link(b"etc/alternatives/editor", b"/usr/bin/vim"),
        link(b"etc/alternatives/editor.1.gz", b"/usr/share/vim.1.gz"),
        link(b"etc/alternatives/pager", b"/usr/bin/less"),
        link(b"usr/bin/editor", b"../../etc/alternatives/editor"),
        link(b"usr/share/editor.1.gz", b"/etc/alternatives/editor.1.gz"),
        leaf(b"usr/bin/pager", b"f755 0 0"),
    )
    slaves = ["editor.1.gz", "/usr/share/editor.1.gz"], ["editor.2.gz", "/usr/share/editor.2.gz"]
    items = [
        alternative("editor", "/bin/editor", "/usr/bin/vim", *slaves),
        alternative("pager", "/usr/bin/pager", "/usr/bin/less"),
        Item("diversions", "/bin/sh", {"path": "/bin/sh", "diverted_to": "/bin/sh.distrib", "by": "dash"}),
    ]
    paths = claimed(View(snapshot(items, files=files)))
    mine = {path: by for path, by in paths.items() if not path.startswith(b"/var/lib/")}
    assert mine == {
        b"/etc/alternatives/editor": "vim",
        b"/bin/editor": "vim",
        b"/etc/alternatives/editor.1.gz": "vim",
        b"/usr/share/editor.1.gz": "vim",
        b"/etc/alternatives/pager": "vim",  # but not /usr/bin/pager: somebody put a file in its place
        b"/bin/sh.distrib": "dash",
    }
    assert b"/var/lib/dpkg/alternatives/editor" in paths


def test_a_host_without_the_database_has_links_to_what_packages_own() -> None:
    files = tree(
        link(b"etc/alternatives/awk", b"/usr/bin/mawk"),
        link(b"etc/alternatives/own", b"/usr/local/bin/own"),
        link(b"usr/bin/awk", b"/etc/alternatives/awk"),
        link(b"usr/bin/own", b"/etc/alternatives/own"),
        leaf(b"usr/bin/mawk", b"f755 0 0"),
    )
    view = View(snapshot(files=files, manifests=[manifest("mawk", b"/usr/bin/mawk")]))
    assert claimed(view) == {b"/etc/alternatives/": "", b"/etc/alternatives/awk": "mawk", b"/usr/bin/awk": "mawk"}


def test_configuration_of_ucf_and_what_is_left_beside_configuration() -> None:
    names = [b"etc/a.conf.dpkg-dist", b"etc/ssh/sshd_config.ucf-old", b"etc/b.conf.rpmnew", b"etc/c.conf.pacsave.2"]
    strange = [b"etc/nobodys.conf.dpkg-old", b"etc/.dpkg-dist"]
    files = tree(*(leaf(name, b"f644 0 0") for name in names + strange))
    owned = manifest("a", b"/etc/a.conf", b"/etc/b.conf", b"/etc/c.conf")
    ssh = Item("ucf", "/etc/ssh/sshd_config", {"package": "openssh-server"})
    view = View(snapshot([ssh], files=files, manifests=[owned]))
    found = {claim.path: (claim.explanation.by, claim.explanation.detail) for claim in conffiles.claims(view)}
    assert found == {
        b"/etc/ssh/sshd_config": ("openssh-server", "kept by ucf"),
        b"/etc/a.conf.dpkg-dist": ("a", "left by dpkg beside /etc/a.conf"),
        b"/etc/b.conf.rpmnew": ("a", "left by rpm beside /etc/b.conf"),
        b"/etc/c.conf.pacsave.2": ("a", "left by pacman beside /etc/c.conf"),
        b"/etc/ssh/sshd_config.ucf-old": ("openssh-server", "left by ucf beside /etc/ssh/sshd_config"),
    }
