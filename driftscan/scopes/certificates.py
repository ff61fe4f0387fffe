"""The scope `certificates`: X.509 certificates in files that no package owns, until when they hold, who names them."""

import re
from collections.abc import Iterator, Mapping, Sequence

from driftscan.model.directories import Directories
from driftscan.model.item import Column, Item, Json
from driftscan.model.outcome import Outcome
from driftscan.model.ownership import resolve
from driftscan.model.search import Sought
from driftscan.model.snapshot import Snapshot
from driftscan.model.text import text
from driftscan.scopes._common import not_understood, numbered, shell_words
from driftscan.scopes._follow import no_tree, other_roots
from driftscan.scopes._x509 import Certificate, certificates
from driftscan.scopes.base import Change, Follow, ItemScope, Parsed, Probe, Results, Since, unless

COLUMNS = (
    Column("path", "text", "File that it is in"),
    Column("subject", "text", "Whom it is for (RFC 4514)", golden=True),
    Column("issuer", "text", "Who signed it (RFC 4514)", golden=True),
    Column("names", "json", "Host names and addresses that it is valid for", golden=True),
    Column("not_before", "text", "From when it holds, UTC"),
    Column("not_after", "text", "Until when it holds, UTC"),
    Column("serial", "text", "Serial number in hexadecimal"),
    Column("self_signed", "boolean", "Whether it signed itself", golden=True),
    Column("ca", "boolean", "Whether it may sign others"),
    Column("fingerprint", "text", "sha256:hex of the certificate"),
    Column(
        "key_path",
        "text",
        "File of its private key, told by the name alone (shop.pem: shop.key beside it or in private/); empty: none",
    ),
    Column("used_by", "json", "Files below /etc that name it, or a link to it; null where that could not be seen"),
    Column("package", "text", "Package that owns the file", owner_of="path"),
)

_ENDINGS = (b".pem", b".crt", b".cer", b".der", b".cert")
_SOUGHT = Sought(endings=_ENDINGS)
_NAMED = (*_ENDINGS, b".key")
_FILES = 500
_SIZE_LIMIT = 1 << 20
_CHAIN = 8  # certificates in a file that is more than a chain: a bundle of authorities
# What a package's script has unpacked from a bundle, what programs bring along, and old ones that were renewed.
_PASSED = re.compile(
    rb"/(?:node_modules|site-packages|dist-packages|vendor|gems|\.git|__pycache__|\.?cache|tests?|testdata|examples?|docs?)/"
    rb"|^/etc/(?:pki/ca-trust|ca-certificates)/extracted/|^/(?:proc|sys|run|tmp)/|^/usr/(?:share|lib)/|^/var/lib/(?:docker|containers|containerd)/"
)

_SHOW = r"""
show() {
  for f; do
    [ -f "$R$f" ] || continue
    if [ ! -r "$R$f" ]; then printf 'denied\000%s\000\000' "$f"; continue; fi
    printf 'pem\000%s\000' "$f"
    sed -n '/^-----BEGIN \(X509 \|TRUSTED \)\{0,1\}CERTIFICATE-----/,/^-----END /p' "$R$f" | tr -d '\000'
    if grep -q -e '^-----BEGIN [A-Z ]*PRIVATE KEY-----' "$R$f"; then printf 'key'; fi
    printf '\000'
    case $f in *.pem) ;; *)
      # a certificate begins with two sequences, a private key with one and a number: that is not shown
      case $(od -A n -t x1 -N 5 "$R$f") in ' 30 82 '*' 30') ds_file "$f" ;; esac ;;
    esac
  done
}
"""


def probes(snapshot: Snapshot) -> list[Probe]:
    """Return the probes that show the certificates in files, and who names these files."""
    if not snapshot.tree:
        return [no_tree()]
    paths, left_out = _candidates(snapshot)
    if not paths:
        return []
    spelled = [*paths, *_links(snapshot, paths)]
    patterns = " ".join(f"-e {word}" for word in shell_words([path for path in spelled if b"\n" not in path]))
    uses = f'cd "$R/etc" || exit 1\ngrep -rsoF {patterns} .\n:'
    script = (
        rf"{_SHOW}printf 'left\000%s\000\000' {left_out}"
        "\n" + "\n".join(f"show {word}" for word in shell_words(paths))
    )
    return [
        Probe("certificates", script, tools=("sed", "grep", "tr", "od"), timeout=60, limit=64 << 20),
        Probe("uses", uses, tools=("grep",), timeout=20, limit=4 << 20),
    ]


def parse(snapshot: Snapshot, results: Results) -> Parsed:
    """Turn what was shown into one item per certificate; bundles of authorities are counted."""
    shown = results.get("certificates")
    if shown is None:
        return Parsed()
    directories = snapshot.directories
    items, strange, denied, notes = list[Item](), list[bytes](), list[str](), list[str]()
    bundles = authorities = 0
    told = [*_fields(shown.stdout), *((b"der", one.path, one.data) for one in shown.files if one.outcome is Outcome.OK)]
    told = [one for one in told if one[0] == b"left" or directories.entry(one[1]) is not None]
    told = list(
        {(kind, path): (kind, path, data) for kind, path, data in told}.values()
    )  # a hostile host repeats itself
    uses = _uses(snapshot, [path for kind, path, _ in told if kind != b"left"], results)
    for kind, path, data in told:
        if kind == b"left":
            notes += [f"{text(path)} more files left out"] if path.isdigit() and path != b"0" else []
            continue
        if kind == b"denied":
            denied.append(text(path))
            continue
        found = list(certificates(data))
        strange += [path] * found.count(None)
        known = [one for one in found if one is not None]
        if len(known) > _CHAIN:
            bundles, authorities = bundles + 1, authorities + len(known)
            continue
        key = text(path) if data.endswith(b"key") else _key_beside(directories, path)
        used = None if uses is None else uses.get(path, [])
        items += [
            Item("certificates", name, _attributes(path, one, key, used))
            for name, one in zip(numbered([text(path)] * len(known)), known, strict=True)
        ]
    notes += (
        [f"bundles of authorities: {bundles}, with {authorities} certificates; counted, not listed"] if bundles else []
    )
    unparsed = {"certificates": not_understood(strange, "certificates")} if strange else {}
    return Parsed(items, unparsed, {"certificates": ", ".join(denied[:5])} if denied else {}, notes=notes)


def _attributes(path: bytes, found: Certificate, key: str, used: Sequence[str] | None) -> dict[str, Json]:
    return {"path": text(path), **found._asdict(), "key_path": key, "used_by": None if used is None else list(used)}


def _candidates(snapshot: Snapshot) -> tuple[list[bytes], int]:
    """Return the files that may hold a certificate, by path, and how many more there are."""
    ownership, others = snapshot.ownership, other_roots(snapshot)
    found = sorted(
        entry.path
        for entry in snapshot.search.named(*_SOUGHT)
        if entry.kind == "f"
        and 0 < entry.size <= _SIZE_LIMIT
        and not _PASSED.search(entry.path)
        and not entry.path.startswith(others)
        and (ownership is None or entry.path not in ownership)
    )
    return found[:_FILES], max(len(found) - _FILES, 0)


def _fields(stdout: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield kind, path and content of every file that was shown whole."""
    fields = stdout.split(b"\0")
    for at in range(0, len(fields) - 3, 3):
        yield fields[at].strip(), fields[at + 1], fields[at + 2]


def _links(snapshot: Snapshot, paths: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the links that lead to one of `paths`, with the path that each leads to."""
    wanted, names = frozenset(paths), tuple(_ENDINGS)
    found = {}
    for link in snapshot.links:
        if link.endswith(names) and (final := resolve(link, snapshot.links)) in wanted and final is not None:
            found[link] = final
    return found


def _uses(snapshot: Snapshot, paths: Sequence[bytes], results: Results) -> Mapping[bytes, list[str]] | None:
    """Return the files that name each of `paths`, or a link to it; None where that could not be seen."""
    shown = results.get("uses")
    if shown is None or not shown.outcome.seen:
        return None
    links = _links(snapshot, paths)
    found: dict[bytes, set[str]] = {}
    for line in shown.stdout.split(b"\n")[:-1]:
        where, _, path = line.partition(b":")
        user = b"/etc/" + where.removeprefix(b"./")
        final = links.get(path, path)
        if user != final and user not in links:
            found.setdefault(final, set()).add(text(user))
    return {path: sorted(users) for path, users in found.items()}


def _key_beside(directories: Directories, path: bytes) -> str:
    """Return the private key that by its name belongs to the certificate at `path`; "" if there is none."""
    directory, _, name = path.rpartition(b"/")
    above = directory.rpartition(b"/")[0]
    stem = name.rpartition(b".")[0]
    number = re.search(rb"\d*$", stem)
    letsencrypt = b"privkey%s.pem" % (number[0] if number else b"")
    beside = [stem + b".key", stem + b"-key.pem", stem + b".key.pem", stem + b"_key.pem"]
    if stem.startswith((b"cert", b"fullchain", b"chain")):
        beside.append(letsencrypt)
    for place in (directory, above + b"/private", above + b"/keys", directory + b"/private"):
        names = beside if place == directory else [*beside, stem + b".pem"]
        for key in names:
            found = directories.entry(place + b"/" + key)
            if found is not None and found.path != path:
                return text(found.path)
    return ""


def _concerns(_snapshot: Snapshot, since: Since) -> bool:
    """Whether a change may be one of a certificate, of a key beside it, or of who names them."""
    return any(change.leads or (change.is_file and _may_tell(change)) for change in since.changes)


def _may_tell(change: Change) -> bool:
    return change.path.startswith(b"/etc/") or (change.name.endswith(_NAMED) and not _PASSED.search(change.path))


SCOPE = ItemScope(
    name="certificates",
    doc="X.509 certificates in files that no package owns: for whom, until when, who names them",
    columns=COLUMNS,
    follow=Follow(probes, parse, unless("certificates", _concerns), (_SOUGHT,)),
)
