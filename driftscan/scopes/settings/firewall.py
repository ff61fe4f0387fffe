"""The firewall: rules that the kernel has against rules that files hold, of nftables and of iptables, as items."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from driftscan.model.item import Item, Json
from driftscan.model.outcome import HostFile, Outcome, ProbeResult
from driftscan.model.redaction import redact
from driftscan.model.text import text
from driftscan.scopes.base import Probe
from driftscan.scopes.settings.nftables import Ruleset, ruleset

# `nft list` would load nf_tables where it is not loaded: there nothing is listed, for there is nothing.
_TABLES = "[ ! -r /proc/modules ] || grep -q '^nf_tables ' /proc/modules || grep -qs ' nft_do_chain$' /proc/kallsyms"
NFT = Probe(
    "nftables-live",
    f"""if ! {{ {_TABLES}; }}; then echo none; exit 0; fi
command -v nft >/dev/null || {{ echo unseen; exit 0; }}
echo list; nft -s list ruleset""",
    live=True,
)
# The programs of old would load their modules too: they are run only where the kernel has tables for them.
IPTABLES = Probe(
    "iptables-live",
    f"""new=; if {{ {_TABLES}; }}; then new=1; fi
for v in '' 6; do
  if grep -q . "/proc/net/ip${{v}}_tables_names" 2>/dev/null; then
    for c in "ip${{v}}tables-legacy-save" "ip${{v}}tables-save"; do
      command -v "$c" >/dev/null || continue
      printf '%s\\n' "family ip${{v}}tables"; "$c"; break
    done
  fi
  [ "$new" ] || continue
  for c in "ip${{v}}tables-nft-save" "ip${{v}}tables-save"; do
    command -v "$c" >/dev/null || continue
    case $("$c" -V 2>/dev/null) in *nf_tables*) printf '%s\\n' "family nft ip${{v}}tables"; "$c" 2>/dev/null; break ;; esac
  done
done
:""",
    live=True,
)
_MAIN = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf", "/etc/nftables.nft")
_SAVED = {
    "/etc/iptables/rules.v4": "iptables", "/etc/iptables/rules.v6": "ip6tables",
    "/etc/sysconfig/iptables": "iptables", "/etc/sysconfig/ip6tables": "ip6tables",
    "/etc/iptables/iptables.rules": "iptables", "/etc/iptables/ip6tables.rules": "ip6tables",
    "/etc/iptables/rules-save": "iptables", "/etc/iptables/rules6-save": "ip6tables",
    "/etc/iptables.up.rules": "iptables", "/etc/network/iptables": "iptables",
}  # fmt: skip
FILES = Probe(
    "firewall-files",
    f"ds_file {' '.join((*_MAIN, *_SAVED))} /etc/services\nds_dir /etc/nftables /etc/nftables.d\n:",
)
PROBES = (NFT, IPTABLES, FILES)

# Chains and interfaces that belong to programs, which make their rules anew whenever they start.
_MADE = re.compile(
    r"(?i:docker|ufw|f2b-|fail2ban|kube-|cali-|cilium|cni-|netavark|libvirt|lxc|lxd|incus|podman|firewalld|flannel|"
    r"weave|ts-(?:input|forward|postrouting)|sshguard|crowdsec|nixos-fw|ovn-|antrea|neutron|nova-|wg-quick|connman|"
    r"nm-shared|miniupnpd)|(?:IN|OUT|PRE|POST|FWDI|FWDO)_[a-z]+|[A-Z]+_(?:direct|ZONES|POLICIES)"
)
_FIREWALLD = ("INPUT_direct", "INPUT_ZONES", "PREROUTING_ZONES", "PREROUTING_direct", "OUTPUT_direct")
_MADE_BY = re.compile(
    r"\b(?:docker\d*|br-[0-9a-f]{12}|virbr\d+|lxcbr\d+|lxdbr\d+|incusbr\d+|podman\d+|cni\d+|cali[0-9a-f]+|flannel)\b"
)
_JUMP = re.compile(r"(?:-j|-g|\bjump|\bgoto) ([^\s\"]+)")
_COUNTER = re.compile(r"^\[\d+:\d+\] | -c \d+ \d+")
_IMPLIED = re.compile(r" -m (?:tcp|udp|icmp|icmp6|ipv6-icmp|set)(?= |$)")
_LIMIT = 3000  # rules
_KEY = 300  # characters of a rule in its key


@dataclass(slots=True)
class Side:
    """The rules of one side by chain, which is named as in `nft inet filter input`, and the file that has the chain."""

    chains: dict[str, list[str]] = field(default_factory=dict)
    file: dict[str, str] = field(default_factory=dict)


def items(results: Mapping[str, ProbeResult]) -> tuple[list[Item], list[str]]:
    """Return one item per rule and policy, and notes on what could not be told."""
    files = {text(file.path): file for file in results[FILES.name].files} if FILES.name in results else {}
    notes: list[str] = []
    classic, covered, seen = _classic_live(results.get(IPTABLES.name))
    live = _nft_live(results.get(NFT.name), covered, notes)
    disk = _nft_disk(files, notes)
    old = _saved(files)
    found = list(_compared(live, disk))
    if classic.chains or old.chains:
        found += _compared(classic if seen else None, old)
    if len(found) > _LIMIT:
        notes.append(f"only {_LIMIT} of {len(found)} firewall rules are kept")
    return _numbered(found[:_LIMIT]), notes


def _numbered(found: Iterable[dict[str, Json]]) -> list[Item]:
    counts: Counter[str] = Counter()
    out = []
    for one in found:
        key = f"firewall {one['name']} {str(one['value'])[:_KEY]}"
        counts[key] += 1
        out.append(Item("network", key if counts[key] == 1 else f"{key}#{counts[key]}", one))
    return out


def _nft_live(result: ProbeResult | None, covered: set[tuple[str, str]], notes: list[str]) -> Side | None:
    """Return what nft listed, but for the tables that iptables has shown; None where it was not seen."""
    if result is None or result.outcome is not Outcome.OK:
        return None
    how, _, body = text(result.stdout).partition("\n")
    if how == "none":
        return Side()
    if how != "list":
        notes.append("firewall: not looked at, the kernel may have rules of nftables, and there is no nft to list them")
        return None
    rules = ruleset(body, {}, {})
    if rules.doubt:
        notes.append(f"what nft lists was not understood: {rules.doubt}")
        return None
    return _side(rules, "", covered)


def _nft_disk(files: Mapping[str, HostFile], notes: list[str]) -> Side | None:
    """Return what the file holds that the service nftables loads; nothing where there is none, None if in doubt."""
    main = next((path for path in _MAIN if path in files and files[path].outcome is not Outcome.ABSENT), None)
    if main is None:
        return Side() if any(path in files for path in _MAIN) else None
    if files[main].outcome is not Outcome.OK:
        return None
    known = {path: text(file.data) for path, file in files.items() if file.outcome is Outcome.OK and path != main}
    ports = known.pop("/etc/services", "")
    rules = ruleset(text(files[main].data), known, dict(_PORT.findall(ports)))
    if rules.doubt:
        notes.append(f"{main} was not understood: {rules.doubt}")
        return None
    return _side(rules, main, set())


_PORT = re.compile(r"(?m)^([a-z][\w.-]*)\s+(\d+)/(?:tcp|udp)")


def _side(rules: Ruleset, file: str, covered: set[tuple[str, str]]) -> Side:
    side = Side()
    for (family, table, name), chain in rules.chains.items():
        if (family, table) not in covered:
            policy = [f"policy {chain.policy or 'accept'}"] if chain.header else []
            where = f"nft {family} {table} {name}"
            side.chains[where] = policy + chain.rules
            side.file[where] = file
    return side


def _classic_live(result: ProbeResult | None) -> tuple[Side, set[tuple[str, str]], bool]:
    """Return what iptables-save and ip6tables-save printed, the tables of nftables that this covers, and if it ran."""
    side, covered = Side(), set[tuple[str, str]]()
    family, new = "", False
    block: list[str] = []
    for line in [*(text(result.stdout).split("\n") if result else ()), "family "]:
        if line.startswith("family "):
            if family:
                tables = _save(block, family, "", side)
                covered |= {("ip" if family == "iptables" else "ip6", table) for table in tables if new}
            words = line.split()[1:]
            new, family, block = words[:1] == ["nft"], words[-1] if words else "", []
        else:
            block.append(line)
    return side, covered, result is not None and result.outcome is Outcome.OK


def _saved(files: Mapping[str, HostFile]) -> Side:
    side = Side()
    for path, family in _SAVED.items():
        if path in files and files[path].outcome is Outcome.OK:
            _save(text(files[path].data).split("\n"), family, path, side)
    return side


def _save(lines: Iterable[str], family: str, file: str, side: Side) -> list[str]:
    """Take what iptables-save has printed; return its tables."""
    tables: list[str] = []
    for raw_line in lines:
        line = _COUNTER.sub("", raw_line.strip())
        if line.startswith("*"):
            tables.append(line[1:])
        elif line.startswith(":") and tables and len(words := line[1:].split()) > 1:
            where = f"{family} {tables[-1]} {words[0]}"
            side.chains.setdefault(where, [f"policy {words[1]}"] if words[1] != "-" else [])
            side.file[where] = file
        elif line.startswith(("-A ", "-I ")) and tables and len(words := line.split(" ", 2)) > 2:
            where = f"{family} {tables[-1]} {words[1]}"
            side.chains.setdefault(where, []).append(_IMPLIED.sub("", " " + words[2]).strip())
            side.file[where] = file
    return tables


def _compared(live: Side | None, disk: Side | None) -> Iterator[dict[str, Json]]:
    """Yield every rule of either side once."""
    there, here = live or Side(), disk or Side()
    firewalld = {where.rpartition(" ")[0] for where in there.chains if where.endswith(_FIREWALLD)}
    for where in sorted({*there.chains, *here.chains}):
        pairs = matched(there.chains.get(where, ()), here.chains.get(where, ()))
        for rule, is_live, is_configured in pairs:
            yield {
                "kind": "chain" if rule.startswith("policy ") else "rule",
                "name": where,
                "value": redact(rule).text,
                "family": where.split(" ")[0],
                "file": here.file.get(where) if is_configured else None,
                "configured": is_configured if disk is not None else None,
                "live": is_live if live is not None else None,
                "automatic": is_made(where, rule) or where.rpartition(" ")[0] in firewalld,
                "mac": None,
                "interface": None,
            }


def is_made(where: str, rule: str) -> bool:
    """Return whether a rule belongs to a program that makes its rules itself: docker, ufw, firewalld, fail2ban."""
    names = [*where.split(" ")[1:], *_JUMP.findall(rule)]
    return any(_MADE.match(name) for name in names) or bool(_MADE_BY.search(rule))


def matched(live: Sequence[str], disk: Sequence[str]) -> list[tuple[str, bool, bool]]:
    """Return (rule, whether it is live, whether it is on disk), each rule once, in no order but that of the sides.

    Rules that are not spelled alike are taken for the same where they have the same end, addresses, ports and names
    with digits: the kernel spells some words in its own way.
    """
    waiting = Counter(disk)
    out: list[tuple[str, bool, bool]] = []
    rest = []
    for rule in live:
        if waiting[rule]:
            waiting[rule] -= 1
            out.append((rule, True, True))
        else:
            rest.append(rule)
    marks: dict[tuple[str, ...], list[str]] = {}
    for rule in waiting.elements():
        marks.setdefault(_marks(rule), []).append(rule)
    for rule in rest:
        same = marks.get(_marks(rule))
        if same:
            waiting[same.pop()] -= 1
            out.append((rule, True, True))
        else:
            out.append((rule, True, False))
    return out + [(rule, False, True) for rule in waiting.elements()]


_WORD = re.compile(r"[\w.:/-]+")
_DIGIT = re.compile(r"\d")
_ENDS = frozenset({"accept", "drop", "reject", "return", "masquerade", "snat", "dnat", "redirect", "log", "queue"})


def _marks(rule: str) -> tuple[str, ...]:
    """Return what a rule says in whatever spelling."""
    words = rule.lower().replace("{", " ").replace("}", " ").replace(",", " ").split()
    if words[:1] == ["policy"]:
        return tuple(words)
    telling = [word for word in words if word in _ENDS or word in {"jump", "goto", "!", "!="}]
    return (*sorted(word for word in _WORD.findall(rule) if _DIGIT.search(word)), "", *sorted(telling))
