#!/usr/bin/env python3
"""Make driftscan/explain/_knowledge/debian_modes.tsv: modes and owners that Debian's packages set, from real ones.

    tools/debian_modes.py bookworm=DIR [trixie=DIR ...] > driftscan/explain/_knowledge/debian_modes.tsv

Each DIR holds .deb files of that suite (as `apt-get download` leaves them), or is the root of a stock installation of
it. Of a package it tells what is not `root root`, 755 for a directory, 644 or 755 for a file: by the headers of the
archive, by what its scripts say literally (chmod, chown, dpkg-statoverride, install, mkdir, setcap), and by what is on
the disk of a stock installation. A line without a path says that the package was looked at. Needs dpkg-deb.
"""

import re
import shlex
import stat
import subprocess
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

Row = tuple[str, str, str, str, str, str]  # package, path, mode, user, group, capabilities; "" is what is not said
_SCRIPTS = ("preinst", "postinst")
_ASSIGNED = re.compile(r"^\s*(?:local |export )?(\w+)=([\"']?)([^\s\"'$`;|&()]*)\2\s*;?$", re.MULTILINE)
_TRUENAME = re.compile(r"^\s*(\w+)=[\"']?(?:\$\(|`)dpkg-divert --truename (/[\w./-]+)", re.MULTILINE)
_OCTAL = re.compile(r"0?[0-7]{3,4}")
_PATH = re.compile(r"/[\w./+:@%~-]+")
_CAPABILITIES = re.compile(r"cap_[\w,]+[+=][eip]+")


class _Found(NamedTuple):
    """One path of an archive or a disk."""

    path: str
    kind: str
    mode: int
    user: str
    group: str

    @property
    def usual(self) -> bool:
        """Whether there is nothing to say about it."""
        usual = (0o755,) if self.kind == "d" else (0o644, 0o755)
        return self.mode in usual and self.user == self.group == "root"


def main(arguments: list[str]) -> None:
    """Print the table for SUITE=DIR arguments."""
    suites: dict[Row, set[str]] = defaultdict(set)
    for argument in arguments:
        suite, _, folder = argument.partition("=")
        read = _disk if (Path(folder) / "var/lib/dpkg/info").is_dir() else _archives
        for row in read(Path(folder)):
            suites[row].add(suite)
    having = Counter(path for _, path in {row[:2] for row in suites})
    merged: dict[Row, set[str]] = defaultdict(set)
    for row, known in suites.items():
        package, path, mode, user, group, capabilities = row
        if mode in {"644", "755"} and not any(row[3:]):
            continue  # a script sets what is usual
        # Of a directory that several packages have in common nobody knows which of them it is that sets the mode.
        shared = mode[:1] == "d" and having[path] > 1
        merged[package, path, mode[1:] if shared else mode, user, group, capabilities] |= known
    for row, known in sorted(merged.items()):
        sys.stdout.write("\t".join([*row, ",".join(sorted(known))]) + "\n")


def _archives(folder: Path) -> Iterator[Row]:
    for deb in sorted(folder.glob("*.deb")):
        package = deb.name.partition("_")[0]
        yield package, "", "", "", "", ""
        for found in _contents(deb):
            if not found.usual:
                yield package, found.path, f"{found.kind}{found.mode:o}", found.user, found.group, ""
        for script in _scripts(deb):
            for said in _said(script):
                yield (package, *said)


def _contents(deb: Path) -> Iterator[_Found]:
    kinds = {
        tarfile.DIRTYPE: "d",
        tarfile.REGTYPE: "f",
        tarfile.LNKTYPE: "f",
        tarfile.CHRTYPE: "c",
        tarfile.FIFOTYPE: "p",
    }
    with _piped("--fsys-tarfile", deb) as pipe, tarfile.open(fileobj=pipe, mode="r|") as archive:
        for member in archive:
            path = member.name.removeprefix(".")
            if path not in {"", "/"} and member.type in kinds:
                user, group = member.uname or str(member.uid), member.gname or str(member.gid)
                yield _Found(path, kinds[member.type], member.mode & 0o7777, user, group)


def _scripts(deb: Path) -> Iterator[str]:
    with _piped("--ctrl-tarfile", deb) as pipe, tarfile.open(fileobj=pipe, mode="r|") as archive:
        for member in archive:
            body = archive.extractfile(member) if member.name.rpartition("/")[2] in _SCRIPTS else None
            if body is not None:
                yield body.read().decode("utf-8", "replace")


def _piped(option: str, deb: Path) -> IO[bytes]:
    pipe = subprocess.Popen(["dpkg-deb", option, str(deb)], stdout=subprocess.PIPE).stdout
    assert pipe is not None
    return pipe


def _said(script: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield path, mode, user, group, capabilities as a maintainer script sets them literally."""
    values = {name: value for name, _, value in _ASSIGNED.findall(script)} | dict(_TRUENAME.findall(script))
    for line in script.replace("\\\n", " ").split("\n"):
        spelled = re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found[1], found[0]), line)
        for command in re.split(r"\s*(?:;|&&|\|\||\bthen\b|\bdo\b|\|)\s*", spelled):
            try:
                words = shlex.split(command, comments=True)
            except ValueError:
                continue
            yield from _command([word for word in words if word != "!"])


def _command(words: list[str]) -> Iterator[tuple[str, str, str, str, str]]:
    while words and words[0] in {"if", "else", "exec", "command"}:
        words = words[1:]
    if not words:
        return
    name = words[0].rpartition("/")[2]
    plain = [word for word in words[1:] if not word.startswith("-")]
    paths = [word.rstrip("/") for word in plain if _PATH.fullmatch(word)]
    if name == "chmod" and plain and _OCTAL.fullmatch(plain[0]):
        yield from ((path, _octal(plain[0]), "", "", "") for path in paths)
    elif name in {"chown", "chgrp"} and plain:
        user, _, group = plain[0].replace(".", ":").partition(":")
        user, group = ("", user) if name == "chgrp" else (user, group)
        if re.fullmatch(r"[\w-]*", user + group):
            yield from ((path, "", user, group, "") for path in paths)
    elif name == "dpkg-statoverride" and "--add" in words and len(plain) >= 4:
        user, group, mode, path = plain[-4:]
        if _PATH.fullmatch(path) and _OCTAL.fullmatch(mode) and re.fullmatch(r"[\w-]+", user + group):
            yield path, _octal(mode), user, group, ""
    elif name in {"install", "mkdir"}:
        yield from _made(words, paths)
    elif len(plain) > 3 and _OCTAL.fullmatch(plain[2]) and re.fullmatch(r"[\w-]+", plain[0] + plain[1]):
        yield from ((path, _octal(plain[2]), plain[0], plain[1], "") for path in paths)  # a function of the script
    elif name == "setcap" and plain and _CAPABILITIES.fullmatch(plain[0]):
        yield from ((path, "", "", "", plain[0].replace("+", "=")) for path in paths)


def _made(words: list[str], paths: list[str]) -> Iterator[tuple[str, str, str, str, str]]:
    told = {"m": "", "o": "", "g": ""}
    for option, value in zip(words, [*words[1:], ""], strict=False):
        match = re.fullmatch(r"-(?:-mode=|-owner=|-group=|[a-zA-Z]*)?([mog])?(.*)", option)
        long = re.fullmatch(r"--(mode|owner|group)=(.*)", option)
        if long:
            told[long[1][0]] = long[2]
        elif match and match[1] and not option.startswith("--"):
            told[match[1]] = match[2] or value
    mode = _octal(told["m"]) if _OCTAL.fullmatch(told["m"]) else ""
    if (mode or told["o"] or told["g"]) and re.fullmatch(r"[\w-]*", told["o"] + told["g"]):
        yield from ((path, mode, told["o"], told["g"], "") for path in paths)


def _octal(mode: str) -> str:
    return f"{int(mode, 8):o}"


def _disk(root: Path) -> Iterator[Row]:
    """Yield what is unusual among the packaged paths of a stock installation."""
    names = [_numbered(root / "etc/passwd"), _numbered(root / "etc/group")]
    for listing in sorted((root / "var/lib/dpkg/info").glob("*.list")):
        package = listing.stem.partition(":")[0]
        yield package, "", "", "", "", ""
        for path in _lines(listing):
            found = _lstat(root, path, *names)
            if found is not None and not found.usual:
                yield package, path, f"{found.kind}{found.mode:o}", found.user, found.group, ""


def _lstat(root: Path, path: str, users: dict[int, str], groups: dict[int, str]) -> _Found | None:
    try:
        seen = (root / path.lstrip("/")).lstat()
    except OSError:
        return None
    kind = "d" if stat.S_ISDIR(seen.st_mode) else "f" if stat.S_ISREG(seen.st_mode) else ""
    if not kind or path == "/.":
        return None
    user, group = users.get(seen.st_uid, str(seen.st_uid)), groups.get(seen.st_gid, str(seen.st_gid))
    return _Found(path, kind, stat.S_IMODE(seen.st_mode), user, group)


def _numbered(path: Path) -> dict[int, str]:
    fields = (line.split(":") for line in _lines(path))
    return {int(field[2]): field[0] for field in fields if len(field) > 2}


def _lines(path: Path) -> Iterable[str]:
    return path.read_text("utf-8", "surrogateescape").splitlines() if path.exists() else ()


if __name__ == "__main__":
    main(sys.argv[1:])
