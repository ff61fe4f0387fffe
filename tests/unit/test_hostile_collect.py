"""A hostile host where its output is taken: bounded memory, linear time, the probe named, the rest whole."""

import io
import random
import struct
import tarfile
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftscan.collect.archive import Member, members
from driftscan.collect.bundle import Task, TooMuchError, program
from driftscan.collect.frames import ROOM, BundleSink
from driftscan.collect.records import read
from driftscan.collect.runner import Link, run_tasks
from driftscan.errors import TransportError
from driftscan.model.outcome import Outcome, ProbeResult
from driftscan.scopes.base import Probe
from driftscan.transport.base import Privilege, Stream
from driftscan.transport.sshchannel import WINDOW
from driftscan.transport.sshguard import GuardedTransport, Pipe

NONCE = "4e6f4e43" * 4
MARK = f"\n{NONCE} ".encode()
MIB = 1 << 20


@contextmanager
def memory(limit: int) -> Iterator[None]:
    """Hold what a block has in hand at any time to `limit` bytes."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak / MIB:.1f} MiB"


def sink(*probes: Probe, consumer: Callable[[bytes], None] | None = None) -> BundleSink:
    return BundleSink([Task("s", probe, consumer) for probe in probes], NONCE)


def begin(number: int) -> bytes:
    return MARK + b"begin %d\n" % number


def end(number: int) -> bytes:
    return MARK + b"end %d 0\n" % number


def told(taken: BundleSink) -> dict[str, ProbeResult]:
    taken.stderr(b"".join(begin(number) + end(number) for number in range(1, 10)))
    taken.finish(Outcome.FAILED, "cut")
    return {name: result for (_, name), result in taken.results.items()}


def test_what_is_longer_than_allowed_fails_though_it_ended_well_and_takes_no_room_from_others() -> None:
    taken = sink(Probe("long", "", limit=MIB), Probe("well", ""))
    taken.stdout(begin(1) + b"x" * MIB + b"y" + end(1) + begin(2) + b"fine" + end(2))
    results = told(taken)
    assert (results["long"].outcome, results["long"].detail) == (Outcome.FAILED, "sent more than 1 MiB")
    assert (results["long"].stdout, taken.room) == (b"", ROOM - 4)
    assert (results["well"].outcome, results["well"].stdout) == (Outcome.OK, b"fine")


def test_all_probes_together_are_bounded_and_small_ones_still_pass() -> None:
    taken = BundleSink([Task("s", Probe(f"p{n}", "", limit=4 * MIB)) for n in range(6)], NONCE, room=7 * MIB)
    taken.stderr(b"".join(begin(number) for number in range(1, 7)))  # forged: all are under way before they begin
    for number in range(1, 6):
        taken.stdout(begin(number) + b"x" * (3 * MIB) + end(number))
    taken.stdout(begin(6) + b"x" * 1000 + end(6))
    results = told(taken)
    assert [results[f"p{n}"].outcome.value for n in range(6)] == ["ok", "ok", "failed", "failed", "failed", "ok"]
    assert "all that is left" in results["p4"].detail


def test_records_are_counted_for_each_becomes_an_item() -> None:
    taken = sink(Probe("lines", "", limit=8 * MIB), Probe("other", ""))
    taken.stdout(begin(1) + b"\0" * (8 * MIB - 500) + end(1) + begin(2) + b"a\n" * 1000 + end(2))
    results = told(taken)
    assert (results["lines"].outcome, results["lines"].detail) == (Outcome.FAILED, "sent more than 65,536 lines")
    assert results["other"].outcome is Outcome.OK
    assert taken.room < ROOM - 100_000


FLOODS = {
    "empty files": MARK + b"file ok\n\0",
    "files without a name": MARK + b"file ok\n",
    "archives": MARK + b"files\nok\0/a\0./a\0\0",
    "words": MARK + b"absent " + b"x" * 90 + b"\n",
    "odd markers": MARK + b"\n",
    "endless marker": MARK + b"x" * 9999,
    "many names": b"ok\0a\0b\0",
    "zeros": b"\0" * 100,
}


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.parametrize("consumed", [False, True], ids=["kept", "consumed"])
def test_frames_that_were_forged_cost_little_and_end_at_the_limit(kind: str, consumed: bool) -> None:
    eaten: list[int] = []
    taken = sink(Probe("a", "", limit=MIB), consumer=(lambda data: eaten.append(len(data))) if consumed else None)
    taken.stdout(begin(1) + (MARK + b"files\n" if kind == "many names" else b""))
    chunk = FLOODS[kind] * ((MIB >> 1) // len(FLOODS[kind]))
    with memory(12 * MIB):
        for _ in range(3):
            taken.stdout(chunk)
        assert taken.deadline() == 0.0
        result = told(taken)["a"]
    assert (result.outcome, result.detail) == (Outcome.FAILED, "sent more than 1 MiB")
    assert sum(eaten) <= MIB
    assert result.files == ()


class _Counted(bytes):
    """Bytes that count how much of them is copied."""

    copied = 0

    def __getitem__(self, part: Any) -> Any:
        found = super().__getitem__(part)
        if isinstance(part, slice):
            _Counted.copied += len(found)
            return found if len(found) < len(self) else self
        return found


def test_many_markers_in_one_chunk_are_not_copied_again_for_each() -> None:
    taken = sink(Probe("a", ""))
    chunk = _Counted((MARK + b"odd\n") * 2000)
    taken._out.feed(chunk)
    assert _Counted.copied <= len(chunk)


def test_a_flood_of_errors_is_given_up() -> None:
    taken = sink(Probe("a", ""))
    taken.stdout(begin(1))
    taken.stderr(begin(1))
    with memory(4 * MIB):
        flood = b"no!\n" * (MIB >> 2)
        for _ in range(65):
            taken.stderr(flood)
        assert taken.deadline() == 0.0
    assert told(taken)["a"].detail == "sent more than 64 MiB of errors"


def test_a_consumer_that_wants_no_more_ends_its_probe_by_name() -> None:
    def refuse(data: bytes) -> None:
        if b"lie" in data:
            raise TooMuchError("makes no sense")

    taken = sink(Probe("a", ""), consumer=refuse)
    taken.stdout(begin(1) + b"fine")
    assert taken.deadline() > 0
    taken.stdout(b"a lie" + end(1))
    result = told(taken)["a"]
    assert (result.outcome, result.detail) == (Outcome.FAILED, "makes no sense")


def test_files_in_a_walk_were_forged_and_are_not_kept() -> None:
    eaten: list[bytes] = []
    taken = sink(Probe("walk", "", limit=1 << 40), consumer=eaten.append)
    taken.stdout(begin(1) + MARK + b"file ok\n/x\0content" + MARK + b"files\nok\0/y\0./y\0\0" + MARK + b"close\n")
    assert told(taken)["walk"].files == ()


def test_one_chunk_is_handled_in_pieces() -> None:
    sizes: list[int] = []
    taken = sink(Probe("walk", "", limit=1 << 40), consumer=lambda data: sizes.append(len(data)))
    taken.stdout(begin(1) + bytes(8 * MIB))
    assert sum(sizes) == 8 * MIB
    assert max(sizes) <= MIB >> 2


# --- archives ---------------------------------------------------------------------------------------------------------


def packed(entries: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entry(name: str, data: bytes = b"", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_every_format_are_read(form: int) -> None:
    long = "./" + "d" * 80 + "/" + "n" * 90
    longer = "./" + "x" * (90 if form == tarfile.USTAR_FORMAT else 300)
    made = packed(
        [
            entry("./empty"),
            entry(long, b"long", mtime=1_700_000_000),
            entry(longer, b"z" * 1000),
            entry("./again", type=tarfile.LNKTYPE, linkname="./empty"),
            entry("./way", type=tarfile.SYMTYPE, linkname="empty"),
        ],
        form,
    )
    found = list(members(made + made))
    assert found[:5] == found[5:]
    assert [(member.name.decode(), member.data) for member in found[:3]] == [
        ("./empty", b""),
        (long, b"long"),
        (longer, b"z" * 1000),
    ]
    assert found[1].modified == 1_700_000_000
    assert found[3] == Member(b"./again", None, b"./empty")
    assert (found[4].data, found[4].link) == (None, b"")
    assert list(members(made, 100))[2].data is None


def header(kind: bytes, size: bytes, name: bytes = b"x") -> bytes:
    block = bytearray(512)
    block[: len(name)] = name
    block[124 : 124 + len(size)] = size
    block[156:157] = kind
    block[257:265] = b"ustar  \0"
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block)


LIES = {
    "larger than what came": header(b"0", b"77777777777\0"),
    "a size of 2 ** 80": header(b"0", b"\x80" + b"\xff" * 11),
    "a negative size": header(b"0", b"\xff" * 12),
    "no size": header(b"0", b"-1        \0"),
    "a name of gigabytes": header(b"L", b"77777777777\0"),
    "attributes of gigabytes": header(b"x", b"77777777777\0"),
    "a chain of long names": (header(b"L", b"00000000002\0") + b"n".ljust(512, b"\0")) * 5000,
    "a chain of attributes": (header(b"x", b"00000000009\0") + b"9 path=x\n".ljust(512, b"\0")) * 5000,
    "attributes that count wrong": header(b"x", b"00000000020\0") + b"99999999 path=x\n".ljust(512, b"\0"),
    "a sparse map without end": header(b"S", b"00000000000\0")[:482] + b"\1" + bytes(29) + b"\1" * (1 << 20),
    "zeros": bytes(1 << 22),
    "letters": b"a" * (1 << 20),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_archive_that_lies_shows_nothing_and_costs_nothing(lie: str) -> None:
    archive = packed([entry("./fine", b"fine")])[:1024] + LIES[lie]
    with memory(MIB):
        assert [(member.name, member.data) for member in members(archive)][:1] == [(b"./fine", b"fine")]
        assert sum(1 for _ in members(archive)) <= 2


@given(st.data())
def test_a_garbled_archive_is_read_as_far_as_it_holds(data: st.DataObject) -> None:
    made = bytearray(packed([entry("./a", b"1" * 700), entry("./b", b"2")]))
    for _ in range(data.draw(st.integers(0, 4))):
        made[data.draw(st.integers(0, 2500))] = data.draw(st.integers(0, 255))
    for member in members(bytes(made[: data.draw(st.integers(0, len(made)))])):
        assert member.data is None or len(member.data) <= len(made)


# --- records ----------------------------------------------------------------------------------------------------------

SOUND = (b"./a/b", b"f644 0 0 12 1700000000.1234567890", b"1700000000.1234567890 42 1")
DIRECTORY = b"d755 0 0 4096 1.0"
UNSOUND = [
    {0: path}
    for path in (b"", b"/", b"/etc", b"./", b"./a/", b".//a", b"./a/../b", b"./..", b"./a/.", b"a", b"../x", b"/3/",
                 b"/3/..", b"/3/a/b", b"/123456/a", b"./" + b"x" * 70_000, b"./" + b"x/" * 35_000 + b"x")
] + [
    {1: meta} for meta in (b"f", b"fzzz", b"f999 0 0 0 0", b"f644 0 0 0", b"f644  0 0 0", b"x644 0 0 0 0",
                           b"f644 0 0 0 .", b"f644 0 0 0 0\0>target", b"l777 0 0 0 0\0target", b"d755 0 0 0 0\0>x",
                           b"f644 0 0 0 " + b"9" * 99, b"f644 -1 0 0 0", b"f644 0 0 0 0\n", b"f644 0 0 0 1-1")
] + [{2: stats} for stats in (b"", b"0 0", b"0  0", b"0 0 0 0", b". 0 0", b"0 0 x")] + [
    {0: path, 1: DIRECTORY} for path in (b"/3/x", b"/3", b"./a/", b"./a/../b", b"./" + b"x/" * 35_000 + b"x")
]  # fmt: skip


def record(odd: dict[int, bytes]) -> bytes:
    path, meta, stats = (odd.get(at, field) for at, field in enumerate(SOUND))
    return b"%s\0%s\0%s\0" % (path, meta, stats)


@pytest.mark.parametrize("odd", UNSOUND, ids=lambda odd: str(odd)[:30])
def test_what_find_never_prints_is_known_alone_and_among_many(odd: dict[int, bytes]) -> None:
    sound = record({})
    for before, after in ((0, 3), (50, 50), (1, 1), (1, 0), (0, 1)):
        found = read(sound * before + record(odd) + sound * after)
        assert b"".join(map(b"".join, found.lines)) == sound * (before + after)
        assert found.strange or (found.rest and not after), found.rest


@pytest.mark.parametrize(
    "odd",
    [{}, {0: b"./..."}, {0: b"./.git/..a/a..\n"}, {0: b"./\xff "}, {0: b"/3/d755 0 0"}, {0: b"/1/x"},
     {0: b".", 1: b"d1777 0 0 4096 -5.5"}, {0: b"./f", 1: DIRECTORY}, {0: b"/99999/..x"},
     {0: b"./" + b"x/" * 30_000 + b"x", 1: DIRECTORY}, {0: b"/2/>x"},
     {1: b"l777 0 0 3 17\0>"}, {1: b"l777 0 0 3 17\0>../>\n"}, {2: b"-1.0000000000 0 1"}],
    ids=lambda odd: str(odd)[:30],
)  # fmt: skip
def test_what_find_prints_is_sound(odd: dict[int, bytes]) -> None:
    told = record(odd)
    for count in (1, 7):
        found = read(told * count + told[:-1])
        assert [b"".join(line) for line in found.lines] == [told] * count
        assert (found.strange, found.rest) == (0, told[:-1])


FIELDS = st.binary(max_size=8) | st.sampled_from([*SOUND, b".", b"/3/x", DIRECTORY, b"l777 0 0 1 1.0", b">x"])


@given(st.lists(FIELDS | st.just(record({})[:-1]), max_size=12))
def test_what_is_read_and_what_is_not_is_all_there_was(fields: list[bytes]) -> None:
    data = b"\0".join(fields)
    found = read(data)
    taken = b"".join(map(b"".join, found.lines))
    assert data.endswith(found.rest)
    assert found.strange or taken + found.rest == data
    assert len(taken) + len(found.rest) <= len(data)


@pytest.mark.parametrize("part", [b"./a", b".", b"/3/", b"/.a"])
@pytest.mark.parametrize("end", [b"", b"\0", b"\0d", b"\0f644 0 0 1 1.0"])
def test_garbage_is_gone_through_once(part: bytes, end: bytes) -> None:
    field = b"." + part * 50_000
    for data in (field + end, field.replace(b"/", b"/\0")[:200_000] + end):
        start = time.process_time()
        read(data)
        assert time.process_time() - start < 1


# --- the bundle -------------------------------------------------------------------------------------------------------


class _Host:
    """A host on which what comes before the first probe never ends, unless the bundle calls no tool for itself."""

    name, root, live, local = "fake", "", True, False

    def __init__(self) -> None:
        self.programs: list[bytes] = []

    def open(self, command: str, *, tty: bool = False) -> "_Host":  # noqa: ARG002 -- as a transport is opened
        return self

    def send(self, data: bytes) -> None:
        self.programs.append(data)
        nonce = data.split(b"N=", 1)[1][:32]
        said = [b"hello", b"begin 1", b"end 1 0", b"done"][: 4 if b"BARE=yes" in data else 1]
        self._said = [b"\n%s %s\n" % (nonce, words) for words in said]

    def send_eof(self) -> None:
        pass

    def receive(self, timeout: float) -> tuple[Stream, bytes] | None:  # noqa: ARG002 -- it never waits
        if self._said:
            return Stream.STDOUT, self._said.pop(0)
        if b"BARE=yes" in self.programs[-1]:
            return Stream.END, b""
        raise TransportError("it hangs")

    def exit_code(self) -> int:
        return 0

    def close(self) -> None:
        pass


def test_a_tool_that_hangs_before_the_first_probe_is_not_called_again() -> None:
    host = _Host()
    results = run_tasks(Link(host, Privilege()), [Task("s", Probe("a", ":"))], lambda _scope: None)
    assert results["s", "a"].outcome is Outcome.OK
    assert [b"BARE=yes" in sent for sent in host.programs] == [False, True]


def test_a_bare_bundle_calls_no_tool_before_its_probes() -> None:
    script = program([Task("s", Probe("a", ":"))], NONCE, bare=True).decode()
    assert script.index("BARE=yes") < script.index("renice")


# --- SSH --------------------------------------------------------------------------------------------------------------


class _Line:
    """A socket whose other side says `words` and then goes on for ever."""

    def __init__(self, words: bytes, more: bytes) -> None:
        self._words, self._more = words, more
        self.given = 0

    def recv(self, size: int) -> bytes:
        self.given += size
        out, self._words = self._words[:size], self._words[size:]
        return out or (self._more * size)[:size]

    def send(self, data: bytes) -> int:
        return len(data)

    def settimeout(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        self._more = b""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (b"", "it does not end"),
        (b"SSH-2.0-x\r\n" + struct.pack(">I", 0x7FFFFFFC), "announced a packet of 2147483"),
    ],
    ids=["first line", "packet"],
)
def test_a_server_cannot_have_gigabytes_read_before_it_is_known(words: bytes, says: str) -> None:
    line = _Line(words, b"a")
    connection = GuardedTransport(line)
    try:
        with memory(4 * MIB), pytest.raises(paramiko.SSHException, match=says):
            connection.start_client(timeout=20)
    finally:
        connection.close()
    assert line.given < MIB


def test_a_packet_that_unpacks_to_gigabytes_ends_the_connection() -> None:
    inflate = GuardedTransport._compression_info["zlib@openssh.com"][1]
    packer = zlib.compressobj()
    noise = random.Random(1).randbytes(30_000)
    unpack = inflate()
    assert unpack(packer.compress(noise) + packer.flush(zlib.Z_PARTIAL_FLUSH)) == noise
    bomb = packer.compress(bytes(64 * MIB)) + packer.flush(zlib.Z_PARTIAL_FLUSH)
    with memory(8 * MIB), pytest.raises(paramiko.SSHException, match="more than it may hold"):
        unpack(bomb)


def test_a_server_that_sends_more_than_its_window_is_cut_off() -> None:
    wake = threading.Event()
    pipe = Pipe(wake, 1 << 15)
    pipe.feed(bytes(1 << 15))
    with pytest.raises(paramiko.SSHException, match="more than it was let"):
        pipe.feed(b"x")
    assert wake.is_set()


@given(st.lists(st.binary(max_size=50).map(lambda piece: piece * 200) | st.binary(max_size=9)), st.integers(1, 9000))
def test_what_comes_through_a_pipe_is_what_went_in(pieces: list[bytes], size: int) -> None:
    pipe = Pipe(threading.Event(), WINDOW)
    for piece in pieces:
        pipe.feed(piece)
    assert len(pipe) == sum(map(len, pieces))
    out = []
    while pipe.read_ready():
        out.append(pipe.read(size))
        if not out[-1]:
            break
    assert b"".join(out) == b"".join(pieces)


def test_a_pipe_of_single_bytes_takes_little_more_than_the_bytes() -> None:
    pipe = Pipe(threading.Event(), WINDOW)
    with memory(2 * MIB):
        for _ in range(MIB >> 5):
            pipe.feed(b"x")
