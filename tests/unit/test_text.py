"""Text of a host: nothing is lost in the store, nothing acts on a terminal."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.model.text import raw, shown, text

# The last two spell private characters that stand for bytes.
ODD = [
    b"\xed\xa0\x80",
    b"caf\xe9",
    b"\0",
    b"\xf0\x9f\x98\x80",
    b"\xf4\x8f\xbb\xbf",
    b"\xff\xfe",
    b"\xf4\x8f\xbf\xbf",
    b"a\xf4\x8f\xbc\x80\xff",
]
BYTES = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=30).map(lambda value: value.encode("utf-8", "ignore")),
    st.sampled_from(ODD),
)


@given(BYTES)
def test_undecodable_bytes_come_back(data: bytes) -> None:
    assert raw(text(data)) == data


@given(BYTES)
def test_text_is_valid_wherever_it_is_kept(data: bytes) -> None:
    value = text(data)
    value.encode("utf-8")
    value.encode("utf-16")
    assert "\0" not in value
    assert json.loads(json.dumps(value)) == value


@given(st.one_of(BYTES.map(text), st.text(max_size=60)))
def test_what_is_shown_acts_on_no_terminal(value: str) -> None:
    for char in shown(value):
        assert unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"/etc/passwd", "/etc/passwd"),
        ("Zürich 日本".encode(), "Zürich 日本"),
        (b"a\nb", "a\\nb"),
        (b"\x1b[31m", "\\x1b[31m"),
        (b"caf\xe9", "caf\\xe9"),
        (b"a\0b", "a\\x00b"),
        ("\u202egnp.exe".encode(), "\\u202egnp.exe"),
        ("\u2028".encode(), "\\u2028"),
        (b"\x7f\xc2\x9b", "\\x7f\\x9b"),
    ],
)
def test_what_a_terminal_would_act_on_is_spelled_out(data: bytes, expected: str) -> None:
    assert shown(text(data)) == expected
