"""The sources of yum, dnf and zypper: sections of files that end in .repo, with what the main configuration presets."""

import re
from collections.abc import Iterator, Mapping

from driftscan.scopes.base import Probe, Results
from driftscan.scopes.sources.base import Distribution, Repository, is_true, sections, shown_files

SOURCES = Probe(
    "rpm-sources",
    """
ds_dir /etc/yum.repos.d /etc/yum/repos.d /etc/distro.repos.d /usr/share/dnf5/repos.d
ds_dir /etc/dnf/repos.override.d /etc/zypp/repos.d /usr/share/dnf5/libdnf.conf.d /etc/dnf/libdnf5.conf.d
ds_dir /etc/dnf/vars /etc/yum/vars
ds_file /etc/yum.conf /etc/dnf/dnf.conf /etc/zypp/zypp.conf
""",
)

_OPTIONS = (
    "type", "repo_gpgcheck", "pkg_gpgcheck", "sslverify", "priority", "cost", "exclude", "excludepkgs", "includepkgs",
    "module_hotfixes", "skip_if_unavailable",
)  # fmt: skip
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def repositories(results: Results, ours: Distribution) -> Iterator[Repository]:
    """Yield the source of every section of every .repo file."""
    files = shown_files(results, SOURCES.name)
    variables = {
        path.rpartition("/")[2]: data.decode("utf-8", "replace").partition("\n")[0].strip()
        for path, data in files.items()
        if "/vars/" in path
    }
    main = {manager: _main(files, manager) for manager in ("yum", "zypper")}
    overrides = _overrides(files)
    for path, data in sorted(files.items()):
        if not path.endswith(".repo") or path.startswith("/etc/dnf/repos.override.d/"):
            continue
        manager = "zypper" if path.startswith("/etc/zypp/") else "yum"
        for name, settings in sections(data):
            if name and name != "main":
                known = {**dict(settings), **overrides.get(name, {})}
                spoken = "dnf" if manager == "yum" and "/etc/dnf/dnf.conf" in files else manager
                yield _repository(spoken, path, name, known, main[manager], variables, ours)


def _main(files: Mapping[str, bytes], manager: str) -> dict[str, str]:
    """Return what holds for every source unless it says otherwise; yum and dnf check nothing unless they are told."""
    if manager == "zypper":
        found = {"gpgcheck": "1"}
        paths = ["/etc/zypp/zypp.conf"]
    else:
        found = {"gpgcheck": "0"}
        dropped = sorted(path for path in files if "/libdnf" in path and path.endswith(".conf"))
        paths = ["/etc/yum.conf", *dropped, "/etc/dnf/dnf.conf"]
    for path in paths:
        for name, settings in sections(files.get(path, b"")):
            if name == "main":
                found.update(settings)
    if "pkg_gpgcheck" in found and manager == "yum":  # dnf 5's name for it
        found["gpgcheck"] = found["pkg_gpgcheck"]
    return found


def _overrides(files: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for path, data in sorted(files.items()):
        if path.startswith("/etc/dnf/repos.override.d/") and path.endswith(".repo"):
            for name, settings in sections(data):
                found.setdefault(name, {}).update(settings)
    return found


def _repository(
    manager: str,
    path: str,
    name: str,
    settings: Mapping[str, str],
    main: Mapping[str, str],
    variables: Mapping[str, str],
    ours: Distribution,
) -> Repository:
    def filled(value: str) -> str:
        return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], match[0]), value)

    places = {kind: filled(settings[kind]) for kind in ("baseurl", "mirrorlist", "metalink") if settings.get(kind)}
    uris = [uri for value in places.values() for uri in re.split(r"[\s,]+", value) if uri]
    checks = [settings.get(check) or main.get(check, "0") for check in ("gpgcheck", "repo_gpgcheck")]
    if manager == "zypper":
        checks.append(settings.get("pkg_gpgcheck", "0"))
    options = [f"{key}={settings[key]}" for key in _OPTIONS if key in settings]
    return Repository(
        key=f"{path}: {name}",
        manager=manager,
        file=path,
        name=name,
        types=tuple(places),
        uris=uris,
        enabled=is_true(settings.get("enabled", "1")),
        signed_by=" ".join(filled(settings.get("gpgkey", "")).split()),
        trusted=not any(map(is_true, checks)),
        third_party=False if ours.serves(uris) else None,
        options=" ".join(" ".join(options).split()),
    )
