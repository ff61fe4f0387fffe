"""Whether a walk's records are such as find prints: what is in the tree is taken at its word everywhere later.

Thousands of records are looked at at a time, which costs a fraction of a microsecond each, and the single ones only
where something is strange.
"""

import re
from collections.abc import Sequence

from driftscan.model.treebuilder import Record

_META = rb"[fdlpsbcDU][0-7]{1,5} [0-9]{1,20} [0-9]{1,20} [0-9]{1,20} -?[0-9]{1,20}(?:\.[0-9]{0,20})?"
_STATS = rb"-?[0-9]{1,20}(?:\.[0-9]{0,20})? [0-9]{1,20} [0-9]{1,20}"
_ALL_META, _ALL_STATS = (re.compile(rb"(?:%s\0)*" % one).fullmatch for one in (_META, _STATS))
_SHORT = re.compile(rb"\0/[0-9]{1,5}/[^/\0]").findall
_DOTS = (b"/./", b"/.\0", b"/../", b"/..\0")
_LONGEST = 1 << 16  # bytes of a path


def all_sound(paths: Sequence[bytes], metas: Sequence[bytes], stats: Sequence[bytes]) -> bool:
    """Whether every record is such as find prints; the paths are as it prints them, from `.`, or `/DEPTH/NAME`."""
    named, meta, stat = (b"\0".join(fields) + b"\0" for fields in ((b"", *paths), metas, stats))
    return not paths or (
        named.count(b"\0./") + named.count(b"\0.\0") + len(_SHORT(named)) == len(paths)
        and b"//" not in named
        and b"/\0" not in named
        and not (b"/." in named and any(sign in named for sign in _DOTS))
        and max(map(len, paths)) <= _LONGEST
        and _ALL_META(meta) is not None
        and _ALL_STATS(stat) is not None
    )


def is_sound(record: Record) -> bool:
    """Whether one record is such as find prints; what stat prints may hold a NUL, which ends a field."""
    path, meta, stats, link = record
    return b"\0" not in path and b"\0" not in link and all_sound([path], [meta], [stats])
