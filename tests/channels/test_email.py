"""E-mail against real SMTP servers: aiosmtpd for what works, a scripted one for everything that can go wrong."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from alerts.channels import Never, Outcome, Sent, TryLater, Unknown
from alerts.channels.email import EmailChannel, compose
from alerts.channels.render import Templates
from alerts.core.letters import Letter, Message

ADDRESS = "petugas1@tanjab-barat.example"
SENDER = "Lapor Dini <lapor@dini.example>"
DATE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
MESSAGE = Message(
    notice="n-0001", channel="email", address=ADDRESS, subject="[Lapor Dini] é", text="a\n.\n.b\n", html="<p>a</p>"
)
PAYLOAD = compose(MESSAGE, SENDER, "dini.example", DATE)


class Inbox:
    """An aiosmtpd handler that keeps what it accepts."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 taken as 42"


@asynccontextmanager
async def server(inbox: Inbox, **settings: object) -> AsyncIterator[int]:
    """aiosmtpd on a free port of loopback."""
    factory = functools.partial(SMTP, inbox, hostname="relay.dini.example", **settings)
    async with await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


def channel(port: int, **settings: object) -> EmailChannel:
    return EmailChannel("127.0.0.1", port, "never", **{"timeout_connect_s": 5, "timeout_data_s": 5, **settings})


async def test_a_mail_arrives_as_it_was_composed() -> None:
    inbox = Inbox()
    async with server(inbox) as port:
        assert await channel(port).send(ADDRESS, "n-0001", PAYLOAD) == Sent("250 taken as 42")
    [envelope] = inbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("lapor@dini.example", [ADDRESS])
    assert envelope.original_content == PAYLOAD


DROP, SILENCE, HALF = "DROP", "SILENCE", "250-half\r\n"
OK = {"greeting": "220 hi", "EHLO": "250 hi", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", "dot": "250 ok"}
FAULTS: list[tuple[str, str, type[Outcome]]] = [
    ("greeting", "421 busy", TryLater),
    ("greeting", "554 no service", TryLater),
    ("greeting", DROP, TryLater),
    ("greeting", SILENCE, TryLater),
    ("greeting", "garbage", TryLater),
    ("EHLO", DROP, TryLater),
    ("EHLO", "421 closing", TryLater),
    ("MAIL", "451 later", TryLater),
    ("MAIL", "550 5.7.1 sender not allowed", TryLater),
    ("MAIL", DROP, TryLater),
    ("RCPT", "450 greylisted", TryLater),
    ("RCPT", "421 closing", TryLater),
    ("RCPT", "550 5.1.1 no such user", Never),
    ("RCPT", "553 no such mailbox", Never),
    ("RCPT", "554 5.7.1 relay access denied", TryLater),
    ("RCPT", "530 5.7.0 authentication required", TryLater),
    ("RCPT", "503 5.5.1 AUTH first", TryLater),
    ("RCPT", DROP, TryLater),
    ("RCPT", SILENCE, TryLater),
    ("DATA", "451 later", TryLater),
    ("DATA", "554 no valid recipients", Never),
    ("DATA", "250 what", TryLater),
    ("DATA", DROP, TryLater),
    ("DATA", SILENCE, TryLater),
    ("dot", "451 disk full", TryLater),
    ("dot", "421 closing", TryLater),
    ("dot", "552 too big", Never),
    ("dot", "554 5.7.1 refused as spam", Never),
    ("dot", HALF, Unknown),
    ("dot", "garbage", Unknown),
    ("dot", "354 what", Unknown),
    ("dot", DROP, Unknown),
    ("dot", SILENCE, Unknown),
]


@asynccontextmanager
async def scripted(**replies: str) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers as told, and what it was sent."""
    script, heard = OK | replies, []

    async def answer(stage: str, writer: asyncio.StreamWriter) -> bool:
        reply = script[stage]
        if reply == SILENCE:
            return True
        if reply != DROP:
            writer.write(reply.encode() if reply.endswith("\r\n") else f"{reply}\r\n".encode())
        if reply == DROP or reply.endswith("\r\n"):  # a reply of which the end is missing
            await writer.drain()
            writer.close()
            return False
        return True

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        go_on = await answer("greeting", writer)
        while go_on and (line := await reader.readline()):
            heard.append(line)
            verb = line.split()[0].decode().upper()
            if verb == "QUIT":
                break
            go_on = await answer(verb, writer)
            if verb == "DATA" and script["DATA"].startswith("354") and go_on:
                heard.append(await reader.readuntil(b"\r\n.\r\n"))
                go_on = await answer("dot", writer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize(("stage", "reply", "outcome"), FAULTS, ids=lambda value: str(value).strip())
async def test_every_answer_and_every_silence_is_told_apart(stage: str, reply: str, outcome: type[Outcome]) -> None:
    async with scripted(**{stage: reply}) as (port, _):
        patience_s = 0.3 if reply == SILENCE else 5
        relay = channel(port, timeout_connect_s=patience_s, timeout_data_s=patience_s)
        result = await relay.send(ADDRESS, "n-0001", PAYLOAD)
    assert type(result) is outcome, result
    assert reply[:3] in result.why or reply in (SILENCE, DROP, HALF)


async def test_the_same_bytes_go_over_the_wire_on_every_attempt() -> None:
    wires = []
    for _ in range(2):
        async with scripted(dot="451 later") as (port, heard):
            await channel(port).send(ADDRESS, "n-0001", PAYLOAD)
        wires.append([line for line in heard if not line.startswith(b"QUIT")])
    assert wires[0] == wires[1]
    assert wires[0][-1].count(b"\r\n.\r\n") == 1


async def test_a_connection_lost_inside_the_message_is_no_hand_off() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        for reply in (b"250 hi", b"250 ok", b"250 ok", b"354 go"):
            await reader.readline()
            writer.write(reply + b"\r\n")
        await reader.readexactly(1000)
        writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    big = PAYLOAD + b"x" * 70 * 400_000  # more than the buffers of loopback hold
    async with listening:
        result = await channel(listening.sockets[0].getsockname()[1]).send(ADDRESS, "n-0001", big)
    assert isinstance(result, TryLater), result


async def test_nobody_listening_means_later() -> None:
    listening = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    assert isinstance(await channel(port).send(ADDRESS, "n-0001", PAYLOAD), TryLater)


@pytest.mark.parametrize("address", ["é@kerinci.example", "a b@kerinci.example", "a@kerinci.example\r\nDATA"])
async def test_an_address_that_smtp_cannot_carry_is_final(address: str) -> None:
    async with scripted() as (port, heard):
        assert isinstance(await channel(port).send(address, "n-0001", PAYLOAD), Never)
    assert not any(line.startswith((b"RCPT", b"DATA")) for line in heard)


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS, by a certificate authority that this machine trusts for the length of a test."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


async def test_over_starttls_a_mail_arrives_and_the_password_with_it(certified: ssl.SSLContext) -> None:
    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"lapor", b"right")
        return AuthResult(success=right, handled=False)

    inbox = Inbox()
    settings = {"tls_context": certified, "require_starttls": True, "authenticator": check, "auth_required": True}
    async with server(inbox, **settings) as port:
        right = EmailChannel("localhost", port, "required", username="lapor", password="right")
        wrong = EmailChannel("localhost", port, "required", username="lapor", password="wrong")
        assert isinstance(await right.send(ADDRESS, "n-0001", PAYLOAD), Sent)
        refused = await wrong.send(ADDRESS, "n-0001", PAYLOAD)
    assert isinstance(refused, TryLater), "a wrong password is our fault, not the officer's address"
    assert "535" in refused.why
    assert len(inbox.envelopes) == 1


async def test_a_relay_without_starttls_is_not_given_the_mail() -> None:
    inbox = Inbox()
    async with server(inbox) as port:
        result = await EmailChannel("localhost", port, "required").send(ADDRESS, "n-0001", PAYLOAD)
    assert isinstance(result, TryLater)
    assert "STARTTLS" in result.why
    assert not inbox.envelopes


async def test_a_relay_with_an_untrusted_certificate_is_not_given_the_mail(
    certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    inbox = Inbox()
    async with server(inbox, tls_context=certified) as port:
        result = await EmailChannel("localhost", port, "required").send(ADDRESS, "n-0001", PAYLOAD)
    assert isinstance(result, TryLater)
    assert "certificate" in result.why
    assert not inbox.envelopes


def test_only_a_relay_on_this_machine_may_do_without_encryption() -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        EmailChannel(host, 25, "never")
    for host in ("mail.dini.example", "192.0.2.1", "127.0.0.1.dini.example"):
        with pytest.raises(ValueError, match="write starttls = required"):
            EmailChannel(host, 25, "never")


def test_the_composed_mail_reads_as_reviewed(
    shipped: Templates, letter: Callable[..., Letter], golden: Callable[[str, str], None]
) -> None:
    message = shipped.render(letter(), ADDRESS)
    golden("email-id.eml", compose(message, SENDER, "dini.example", DATE).decode("ascii"))


def test_composing_twice_gives_the_same_bytes_with_the_same_identity() -> None:
    assert compose(MESSAGE, SENDER, "dini.example", DATE) == PAYLOAD
    mail = message_from_bytes(PAYLOAD, EmailMessage, policy=policy.default)
    assert mail["Message-ID"] == "<n-0001@dini.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert "List-Unsubscribe" not in mail
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize("subject", ["a\r\nBcc: x@y.example", "a\nb", "a\x00b", "a\u2028b"])
def test_a_subject_cannot_add_a_header(subject: str) -> None:
    changed = msgspec.structs.replace(MESSAGE, subject=subject)
    mail = message_from_bytes(compose(changed, SENDER, "dini.example", DATE), EmailMessage, policy=policy.default)
    assert "Bcc" not in mail
    assert mail["Subject"].startswith("a b") or mail["Subject"].startswith("a Bcc")


@pytest.mark.parametrize("address", ["", "kerinci", "a@b.example, c@d.example", "a@b.example\r\nBcc: x@y.example"])
def test_an_address_that_is_not_one_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        compose(msgspec.structs.replace(MESSAGE, address=address), SENDER, "dini.example", DATE)


def test_a_notice_id_that_could_not_be_a_message_id_is_refused() -> None:
    with pytest.raises(ValueError, match="notice id"):
        msgspec.structs.replace(MESSAGE, notice="a b>")
