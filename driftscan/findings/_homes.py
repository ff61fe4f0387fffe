"""What the rules on accounts share: how an account can be used, and what it does: keys, sudo, schedules, processes."""

import re
from collections.abc import Mapping

from driftscan.explain.view import View
from driftscan.model.item import Json

LEFT_OVER = re.compile(r".*\.(?:(?:dpkg|ucf)-\w+|rpm(?:save|new|orig)|pac(?:save|new|orig)|apk-new)")
_POWERFUL = frozenset(
    {
        "root",
        "wheel",
        "sudo",
        "admin",
        "adm",
        "docker",
        "podman",
        "lxd",
        "lxc",
        "incus-admin",
        "libvirt",
        "disk",
        "shadow",
    }
)


class Access:
    """Keys, sudo rules, schedules and processes by account."""

    def __init__(self, view: View) -> None:
        accounts = [item.attributes for item in view.of("accounts")]
        self.keys = [one for one in accounts if one.get("kind") == "key"]
        self._sudo = [one for one in accounts if one.get("kind") == "sudo" and not one.get("ignored")]
        self._last = {str(item.attributes.get("name")): item.volatile.get("last_login") for item in view.of("accounts")}
        self._schedules: dict[str, list[str]] = {}
        for item in view.of("schedules"):
            if not item.attributes.get("ignored") and item.attributes.get("kind") in {"cron", "at"}:
                self._schedules.setdefault(str(item.attributes.get("user")), []).append(
                    str(item.attributes.get("file"))
                )
        self._runs: dict[str, list[str]] = {}
        for item in view.of("processes"):
            if not item.attributes.get("kernel"):
                self._runs.setdefault(str(item.attributes.get("user")), []).append(str(item.attributes.get("command")))

    def real_keys(self, name: str) -> list[Mapping[str, Json]]:
        """Return the keys that open an account: those that are real ones, in files that sshd reads."""
        return [key for key in self.keys if key.get("owner") == name and not key.get("why") and not key.get("ignored")]

    def of(self, user: Mapping[str, Json]) -> dict[str, Json]:
        """Return as evidence what an account can do and does; what there is nothing of is left out."""
        name = str(user.get("name"))
        groups = [str(group) for group in user.get("groups") or () if group != name]
        keys = [key for key in self.keys if key.get("owner") == name]
        sudo = [str(rule.get("rule")) for rule in self._sudo if {name, *(f"%{one}" for one in groups)} & _who(rule)]
        found: dict[str, Json] = {
            "groups": groups,
            "powerful": sorted(_POWERFUL & set(groups)),
            "keys": len(keys),
            "key_comments": sorted({str(key.get("comment")) for key in keys if key.get("comment")})[:5],
            "shares_keys_with": sorted(self._shared(name)),
            "sudo": sudo[:5],
            "schedules": sorted(set(self._schedules.get(name, ())))[:5],
            "runs": sorted(set(self._runs.get(name, ())))[:5] if user.get("uid") != 0 else [],
            "last_login": self._last.get(name),
        }
        return {key: value for key, value in found.items() if value}

    def _shared(self, name: str) -> set[str]:
        mine = {key.get("fingerprint") for key in self.real_keys(name)} - {None}
        return {str(key.get("owner")) for key in self.keys if key.get("fingerprint") in mine} - {name}


def _who(rule: Mapping[str, Json]) -> set[str]:
    return {one.strip() for one in str(rule.get("who") or "").split(",")}
