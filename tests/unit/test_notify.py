"""Notifications: told once, on change, nothing hidden taken for over; sent to real servers, secrets never shown."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from apprise.plugins.custom_json import NotifyJSON
from hypothesis import given, settings

from driftscan.model.drift import Change, Check
from driftscan.notify import send
from driftscan.notify.digest import Digest, digest
from tests.unit.checks_made import (
    BLIND,
    CHECKS,
    CLEAN,
    DEAD,
    FLEET,
    GONE,
    LOGIN,
    MODE,
    USER,
    WARNING,
    WEB,
    acceptance,
    check,
    dangerous,
    drift,
    flood,
)

SECRET = "s3cr3tT0ken"


def message(*checks: Check, after: Digest | None = None) -> Digest:
    told = digest(checks, after.state if after else {})
    assert told is not None
    return told


def parts(told: Digest) -> dict[str, list[str]]:
    """Return the parts of a body by title."""
    found: dict[str, list[str]] = {}
    for block in told.body.split("\n\n"):
        title, *lines = block.strip().split("\n")
        found[title.rstrip(":")] = [line.strip() for line in lines]
    return found


# --- what is told ---------------------------------------------------------------------------------------------------


def test_nothing_to_tell() -> None:
    assert digest([], {}) is None
    assert digest([CLEAN], {}) is None


@given(CHECKS)
@settings(max_examples=60, deadline=None)
def test_what_was_told_is_not_told_again_and_the_state_is_json(checks: list[Check]) -> None:
    checks = [replace(one, host=f"{number}{one.host}") for number, one in enumerate(checks)]
    told = digest(checks, {})
    if told is None:
        assert not any(one.error or one.drifts or one.warnings for one in checks)
        return
    assert dangerous(told.title + told.body) == []
    assert "\n" not in told.title
    assert digest(checks, json.loads(json.dumps(told.state))) is None


def test_a_first_message_tells_all() -> None:
    told = message(*FLEET)
    assert told.title == "driftscan: 6 new (1 critical) on web7, db1 in error, 1 note"
    assert parts(told) == {
        "In error": [f"db1: {DEAD.error}"],
        "New": [
            "CRITICAL unexpected accounts user mallory (web7)",
            "HIGH     changed files /usr/bin/sudo (web7)",
            "MEDIUM   changed files /etc/ssh/sshd_config (web7)",
            "MEDIUM   missing packages nginx (web7)",
            "MEDIUM   unknown files /srv/nfs (web7)",
            "MEDIUM   unknown sockets (web7)",
        ],
        "Notes": [f"{WARNING} (web7)"],
        "Still there from before: nothing.": ["All of it: driftscan check --no-scan"],
    }


def test_what_is_over_what_is_new_what_is_still_there() -> None:
    first = message(check("web7", MODE, LOGIN))
    told = message(check("web7", LOGIN, GONE), after=first)
    assert told.title == "driftscan: 1 new (1 medium) on web7, 1 over"
    assert parts(told)["New"] == ["MEDIUM   missing packages nginx (web7)"]
    assert parts(told)["Over"] == ["HIGH     changed files /usr/bin/sudo (web7)"]
    assert "Still there from before: 1 on web7." in told.body
    over = message(check("web7"), after=told)
    assert over.title == "driftscan: 2 over"
    assert over.state == {}


def test_what_changes_once_more_is_new_and_not_over() -> None:
    first = message(check("web7", MODE))
    told = message(check("web7", replace(MODE, changes=(Change("mode", "4755", "0777"),))), after=first)
    assert told.title == "driftscan: 1 new (1 high) on web7"


def test_one_thing_on_many_hosts_is_one_line() -> None:
    told = message(*(check(f"web{number}", MODE) for number in range(9)))
    assert parts(told)["New"] == ["HIGH     changed files /usr/bin/sudo (web0, web1, web2 and 6 more)"]
    assert told.title == "driftscan: 1 new (1 high) on 9 hosts"


def test_a_host_that_is_lost_and_comes_back() -> None:
    first = message(check("web7", MODE))
    dead = replace(DEAD, host="web7")
    lost = message(dead, after=first)
    assert lost.title == "driftscan: web7 in error"
    assert digest([dead], lost.state) is None
    back = message(check("web7", MODE), after=lost)
    assert back.title == "driftscan: web7 back again"
    assert back.state == first.state
    assert message(check("web7"), after=lost).title == "driftscan: 1 over, web7 back again"


def test_what_cannot_be_seen_is_not_over() -> None:
    port = drift(scope="sockets", key="tcp *:31337")
    first = message(check("web7", port, MODE))
    blind = message(check("web7", BLIND, MODE), after=first)
    assert blind.title == "driftscan: 1 new (1 medium) on web7"
    assert "Over" not in parts(blind)
    seen = message(check("web7", MODE), after=blind)
    assert parts(seen)["Over"] == ["MEDIUM   changed sockets tcp *:31337 (web7)", "MEDIUM   unknown sockets (web7)"]
    assert digest([check("web7", against="")], first.state) is None


def test_what_is_accepted_is_said_to_be() -> None:
    first = message(check("web7", MODE))
    told = message(check("web7", accepted=(replace(MODE, acceptance=acceptance()),)), after=first)
    assert told.title == "driftscan: 1 accepted"
    assert told.state == {}


def test_a_note_is_told_once_though_its_days_are_counted_down() -> None:
    first = message(check("web7", warnings=("/opt/x: ends in 7 days",)))
    assert digest([check("web7", warnings=("/opt/x: ends in 6 days",))], first.state) is None
    assert digest([check("web7")], first.state) is None
    assert message(check("web7", warnings=("/opt/x: ended",)), after=first).title == "driftscan: 1 note"


def test_a_host_that_was_not_looked_at_is_remembered() -> None:
    first = message(check("web7", MODE), check("web8", MODE))
    assert digest([check("web7", MODE)], first.state) is None
    told = message(check("web7"), after=first)
    assert list(told.state) == ["web8"]
    assert digest([check("web8", MODE)], told.state) is None


def test_fingerprints_alone_do_as_well() -> None:
    before = {"web7": [MODE.fingerprint, LOGIN.fingerprint]}
    assert digest([check("web7", MODE, LOGIN)], before) is None
    told = digest([check("web7", MODE)], before)
    assert told is not None
    assert parts(told)["Over"] == ["something that an earlier message told of (web7)"]


def test_a_flood_makes_a_short_message() -> None:
    told = message(*(replace(flood(500), host=f"web{number}") for number in range(20)))
    assert len(told.body) < 3000
    assert "CRITICAL unexpected accounts user mallory (web0, web1, web10 and 17 more)" in told.body
    assert "… and 481 more" in told.body


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("<!channel>", "\\x3c!channel\\x3e"),
        ("[click](https://evil.example)", "\\x5bclick\\x5d(https\\x3a//evil.example)"),
        ("@everyone", "\\x40everyone"),
        ("getty@tty1.service", "getty@tty1.service"),
        ("`x`", "\\x60x\\x60"),
        ("\x1b[2J", "\\x1b\\x5b2J"),
        ("a\nb", "a\\nb"),
    ],
)
def test_a_chat_acts_on_nothing(key: str, told: str) -> None:
    assert parts(message(check("web7", drift(key=key))))["New"] == [f"MEDIUM   changed files {told} (web7)"]


# --- sending --------------------------------------------------------------------------------------------------------


class _Webhook(BaseHTTPRequestHandler):
    """Keeps what it is sent; refuses what goes to /refused."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(403 if "refused" in self.path else 200)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def webhook() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Webhook)
    server.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def smtp(*, refuse: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """Run a mail server that keeps what it is sent, or takes no recipient."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(words: str) -> None:
            writer.write(f"{words}\r\n".encode())

        say("220 sink")
        while line := (await reader.readline()).strip().upper():
            if line == b"DATA":
                say("354 go on")
                got.append((await reader.readuntil(b"\r\n.\r\n"))[:-5])
                say("250 kept")
            elif line == b"QUIT":
                say("221 bye")
                break
            else:
                say("550 no such user" if refuse and line.startswith(b"RCPT") else "250 ok")
        writer.close()
        await writer.wait_closed()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1], got
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def hook(server: HTTPServer, path: str = "") -> str:
    return f"json://ann:{SECRET}@127.0.0.1:{server.server_port}/{path}"


def test_a_webhook_gets_the_message(webhook: HTTPServer) -> None:
    told = message(*FLEET)
    assert send([hook(webhook, "night")], told.title, told.body) == []
    path, got = webhook.got.pop()  # type: ignore[attr-defined]
    assert path == "/night"
    assert (got["title"], got["message"].strip()) == (told.title, told.body.strip())


def test_a_body_is_cut_to_what_a_service_takes(webhook: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifyJSON, "body_maxlen", 300)
    assert send([hook(webhook)], "title", "line\n" * 200) == []
    assert len(webhook.got.pop()[1]["message"]) <= 300  # type: ignore[attr-defined]


def test_mail_says_what_the_message_says() -> None:
    told = message(check("web7", USER, drift(key="<script>alert(1)</script> & more")))
    with smtp() as (port, got):
        assert (
            send([f"mailto://127.0.0.1:{port}?from=scan@example.com&to=ann@example.com"], told.title, told.body) == []
        )
    mail = message_from_bytes(got[0], policy=policy.default)
    assert mail["subject"] == told.title
    assert "ann@example.com" in mail["to"]
    bodies = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    assert all("user mallory (web7)" in body.replace("&nbsp;", " ") for body in bodies.values())
    assert "<script" not in "".join(bodies.values())


def test_mail_that_is_refused_is_an_error() -> None:
    with smtp(refuse=True) as (port, _):
        errors = send([f"mailto://127.0.0.1:{port}?from=scan@example.com&to=ann@example.com"], "title", "body")
    assert len(errors) == 1
    assert errors[0].startswith("mailto://127.0.0.1: the message was not taken")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"json://ann:{SECRET}@127.0.0.1:9/{SECRET}?token={SECRET}", "json://127.0.0.1: the message was not taken: "),
        (f"mailto://ann:{SECRET}@127.0.0.1:9?from=a@example.com", "mailto://127.0.0.1: the message was not taken"),
        (f"mmost://127.0.0.1:9/{SECRET * 3}", "mmost://127.0.0.1: the message was not taken"),
        (f"slack://{SECRET}", "slack://…: this is no address that can be notified"),
        (f"nonsense://{SECRET}@{SECRET}/{SECRET}", "nonsense://…: this is no address that can be notified"),
        (SECRET, "an address without a scheme: "),
        ("", "an address without a scheme: "),
    ],
)
def test_an_error_shows_no_secret(
    url: str, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        errors = send([url], "title", "body")
    assert len(errors) == 1
    assert errors[0].startswith(name)
    assert "\n" not in errors[0]
    everything = "".join(
        [*errors, *capfd.readouterr(), *(r.getMessage() for r in caplog.records if r.name == "apprise")]
    )
    assert SECRET not in everything


def test_one_that_fails_does_not_keep_the_others_from_it(webhook: HTTPServer) -> None:
    errors = send([hook(webhook, "refused"), "nonsense://x", hook(webhook, "taken")], "title", "body")
    assert [error.partition(":")[0] for error in errors] == ["json", "nonsense"]
    assert "403" in errors[0]
    assert [path for path, _ in webhook.got] == ["/refused", "/taken"]  # type: ignore[attr-defined]
    webhook.got.clear()  # type: ignore[attr-defined]


def test_a_message_on_the_whole_fleet_can_be_sent(webhook: HTTPServer) -> None:
    told = message(WEB, flood(100))
    assert send([hook(webhook)], told.title, told.body) == []
    webhook.got.clear()  # type: ignore[attr-defined]
