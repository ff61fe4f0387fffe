"""The dialogue with sudo, byte by byte."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.errors import TransportError
from driftscan.transport.base import Privilege, Stream
from driftscan.transport.sudo import SudoDialogue, UntilLastWord

ASKED = Privilege(sudo=True, password="hunter2")


def dialogue(privilege: Privilege = ASKED, command: str = "sh") -> SudoDialogue:
    return SudoDialogue(command, privilege, 10, hold=False)


def word(talk: SudoDialogue) -> bytes:
    return re.search(r"echo ([0-9a-f]{32})", talk.command)[1].encode()


def prompt(talk: SudoDialogue) -> bytes:
    return re.search(r"-p '([^']+)'", talk.command)[1].encode()


def test_the_command_line_holds_no_secret_and_nothing_that_shells_read_differently() -> None:
    for privilege in (ASKED, Privilege(sudo=True), Privilege(sudo=True, password="hunter2", tty=True)):
        line = dialogue(privilege).command
        assert "hunter2" not in line
        assert not set(line) & set("!\n\\")
        assert all("'" not in quoted for quoted in line.split("'")[1::2])
        assert len(line.split("'")) % 2 == 1


def test_every_dialogue_has_words_of_its_own() -> None:
    assert word(dialogue()) != word(dialogue())
    assert prompt(dialogue()) != prompt(dialogue())


def test_the_password_answers_the_whole_prompt_only_and_on_its_stream_only() -> None:
    talk = dialogue()
    asked = prompt(talk)
    assert talk.take(Stream.STDERR, b"[sudo] password for x: ") == b""
    assert talk.take(Stream.STDOUT, asked) == b""
    assert talk.take(Stream.STDERR, asked[:10]) == b""
    assert talk.take(Stream.STDERR, asked[10:]) == b"hunter2\n"
    with pytest.raises(TransportError, match="does not accept"):
        talk.take(Stream.STDERR, b"Sorry, try again.\n" + asked)


def test_it_is_through_when_both_outputs_say_so_and_noise_before_is_dropped() -> None:
    talk = dialogue()
    said = word(talk) + b"\n"
    talk.take(Stream.STDOUT, b"noise\n" + said + b"first")
    assert not talk.through
    talk.take(Stream.STDERR, b"a lecture\n" + said)
    assert talk.through
    assert talk.first() == [(Stream.STDOUT, b"first"), (Stream.STDERR, b"")]


def test_a_refusal_that_quotes_the_command_does_not_look_like_its_start() -> None:
    talk = dialogue(Privilege(sudo=True, tty=True))
    talk.take(Stream.STDOUT, f"Sorry, user x is not allowed to execute '{talk.command}' as root on h.\n".encode())
    assert not talk.through
    assert "does not let" in str(talk.failure(1))


def test_endless_chatter_is_not_kept() -> None:
    talk = dialogue()
    for _ in range(100):
        talk.take(Stream.STDERR, bytes(1 << 16))
    assert sum(len(heard) for heard in talk._heard.values()) <= 1 << 17


class Sink:
    def __init__(self) -> None:
        self.out = b""

    def stdout(self, data: bytes) -> None:
        self.out += data

    def stderr(self, data: bytes) -> None:
        pytest.fail(f"a terminal has one output, not {data!r} as another one")

    def deadline(self) -> float:
        return 0.0


@given(st.binary(max_size=40), st.lists(st.integers(0, 80), max_size=5), st.integers(0, 255))
def test_the_last_word_is_found_however_it_is_cut(before: bytes, cuts: list[int], code: int) -> None:
    sink = Sink()
    ending = UntilLastWord(sink, "c0ffee" * 4)
    whole = before + b"c0ffee" * 2 + b"c0ffee" * 4 + f" {code}\nrest".encode()
    at = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    for start, end in itertools.pairwise(at):
        if ending.code is None:
            ending.stdout(whole[start:end])
    assert ending.code is not None
    assert sink.out.startswith(before)


@given(st.lists(st.binary(max_size=12)))
def test_without_a_last_word_every_byte_is_passed_on(chunks: list[bytes]) -> None:
    sink = Sink()
    ending = UntilLastWord(sink, "\x00\x01\x00\x02")
    for chunk in chunks:
        if ending.code is None:
            ending.stdout(chunk)
    ending.flush()
    if ending.code is None:
        assert sink.out == b"".join(chunks)
