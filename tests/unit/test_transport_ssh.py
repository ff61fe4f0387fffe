"""paramiko as a client, against servers of this process: what a real sshd of today cannot show."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from driftscan.errors import TransportError
from driftscan.model.host import Host
from driftscan.transport.connect import connect

Serve = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr("driftscan.transport.pace._PAUSES", (0.05, 0.05))
    return tmp_path


@contextlib.contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """Serve every connection by `serve` in a thread; give the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                stream, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=(stream,)))
                threads[-1].start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join(5)


def host(port: int, **settings: object) -> Host:
    given: dict[str, object] = {"user": "me", "accept_new_host_key": True, "timeout": 1.0} | settings
    return Host("here", "127.0.0.1", port, **given)  # type: ignore[arg-type]


def nobody(question: str) -> str:
    raise TransportError(f"there is nobody to ask: {question}")


def failure(serve: Serve, **settings: object) -> str:
    with listening(serve) as port, pytest.raises(TransportError) as caught:
        connect(host(port, **settings), nobody)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def answer(words: bytes) -> Serve:
    def serve(stream: socket.socket) -> None:
        with stream, contextlib.suppress(OSError):
            stream.sendall(words)
            stream.settimeout(3)
            while stream.recv(4096):
                pass

    return serve


def test_who_hangs_up_at_once_is_tried_again_and_then_named() -> None:
    calls: list[float] = []

    def serve(stream: socket.socket) -> None:
        calls.append(time.monotonic())
        stream.close()

    assert "before it says a word" in failure(serve)
    assert len(calls) == 3


def test_who_says_nothing() -> None:
    started = time.monotonic()
    assert "says nothing" in failure(answer(b""))
    assert time.monotonic() - started < 4


def test_who_does_not_speak_ssh() -> None:
    assert "does not speak SSH" in failure(answer(b"SSH-1.5-ancient\r\n"))
    assert "\x1b" not in failure(answer(b"\x1b[31mHTTP/1.1 400 Bad Request\r\n" * 200))


def test_who_speaks_and_then_sends_nonsense() -> None:
    failure(answer(b"SSH-2.0-nonsense\r\n" + bytes(range(256)) * 40))


class Server(paramiko.ServerInterface):
    """Lets everybody in by a key; `signatures` are those it has seen."""

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002
        return paramiko.common.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"


class OldServer:
    """A server as of 2012: no list of signatures (RFC 8308), and only those over SHA-1."""

    def __init__(self, **disabled: list[str]) -> None:
        self.key = paramiko.RSAKey.generate(2048)
        self.disabled = {"pubkeys": ["rsa-sha2-512", "rsa-sha2-256"], **disabled}

    def __call__(self, stream: socket.socket) -> None:
        server = paramiko.Transport(stream, disabled_algorithms=self.disabled, server_sig_algs=False)
        server.add_server_key(self.key)
        with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
            server.start_server(server=Server())
        while server.is_active():
            time.sleep(0.02)
        server.close()


@pytest.fixture(scope="module")
def old() -> OldServer:
    return OldServer()


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("key") / "rsa"
    paramiko.RSAKey.generate(2048).write_private_key_file(str(path))
    return str(path)


def test_a_server_that_knows_only_old_signatures_is_let_alone_without_leave(old: OldServer, identity: str) -> None:
    assert "legacy_algorithms: true" in failure(old, identity=identity, timeout=10.0)


def test_a_server_that_knows_only_old_signatures_is_reached_with_leave(old: OldServer, identity: str) -> None:
    with listening(old) as port:
        connect(host(port, identity=identity, legacy_algorithms=True, timeout=10.0), nobody).close()


def test_a_server_with_old_algorithms_only_is_told_from_one_with_none_in_common(identity: str) -> None:
    stronger = [name for name in paramiko.Transport._preferred_kex if name != "diffie-hellman-group14-sha1"]
    assert "legacy_algorithms: true" in failure(OldServer(kex=stronger), identity=identity, timeout=10.0)

    class Stranger(OldServer):
        def __call__(self, stream: socket.socket) -> None:
            with contextlib.suppress(OSError, EOFError):
                stream.sendall(b"SSH-2.0-stranger\r\n")
                names = [b"kex-of-tomorrow", b"ssh-ed25519", *[b"cipher-of-tomorrow"] * 2, *[b"mac"] * 2]
                lists = [*names, b"none", b"none", b"", b""]
                body = b"\x14" + bytes(16) + b"".join(len(one).to_bytes(4, "big") + one for one in lists) + bytes(5)
                padding = 16 - (len(body) + 5) % 8
                packet = (len(body) + padding + 1).to_bytes(4, "big") + bytes([padding]) + body + bytes(padding)
                stream.sendall(packet)
                answer(b"")(stream)

    message = failure(Stranger(), identity=identity, timeout=10.0)
    assert "transport: openssh" in message
    assert "legacy" not in message


def test_paramiko_says_nothing_by_itself(capfd: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        failure(answer(b"SSH-1.5-ancient\r\n"))
    finally:
        logging.getLogger().removeHandler(handler)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("content", "says"), [("", "not a private key"), ("nonsense\n", "not a private key")])
def test_what_is_no_key_is_told(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(content)
    assert says in failure(OldServer(), identity=str(tmp_path / "key"), timeout=10.0)


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "no such file" in failure(OldServer(), identity=str(tmp_path / "none"), timeout=10.0)
