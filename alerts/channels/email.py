"""E-mail over SMTP: composing bytes, and one hand-off of them to a relay.

The hand-off ends with the line that holds a single dot. Before that line is written the relay cannot have taken the
message (RFC 5321 4.1.1.4), whatever happens to the connection; once it is written only the relay's answer tells. So the
dot is sent as a command of its own, after everything before it has left our buffer, and only silence after the dot is
`Unknown` (RFC 1047).

A refusal is for good only where it is about this address or this message, at RCPT and DATA. A refused login, sender,
greeting or relaying is a fault of settings or relay: the notice waits until somebody has mended it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Literal, cast

import aiosmtplib

from alerts.channels import Never, Outcome, Sent, TryLater, Unknown, is_loopback
from alerts.channels.text import clean
from alerts.core.calendar import WIB
from alerts.core.letters import Message

REPLY_MAX = 200  # characters of a relay's reply that are kept
BUFFER_POLL_S = 0.01
NOT_THE_ADDRESS = re.compile(r"50[0234] |53\d |55\d 5\.7\.")  # syntax, sequence, login, policy (relaying denied)


def compose(message: Message, sender: str, domain: str, date: datetime) -> bytes:
    """The mail as bytes, the same for the same arguments. `date` is aware.

    The Message-ID is made of the notice id, so mailboxes can drop a repetition. Raises ValueError for an address
    that is none.
    """
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = sender
    mail["To"] = message.address
    mail["Subject"] = clean(message.subject)
    mail["Date"] = format_datetime(date.astimezone(WIB))
    mail["Message-ID"] = f"<{message.notice}@{domain}>"
    mail["List-Id"] = f"Lapor Dini <lapor-dini.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(message.text, cte="quoted-printable")
    mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
    mail.set_boundary("lapor-" + hashlib.sha256(message.notice.encode()).hexdigest()[:32])
    for header in ("From", "To"):
        if len(mail[header].addresses) != 1 or mail[header].defects:
            raise ValueError(f"{header}: {mail[header]!r} is not one e-mail address; write name@domain")
    return mail.as_bytes()


class EmailChannel:
    """Hands mail to one SMTP relay, a fresh connection and one recipient each time.

    Raises ValueError where the connection would be readable on the way: `starttls="never"` is for a relay on this
    machine.
    """

    def __init__(
        self,
        host: str,
        port: int,
        starttls: Literal["required", "never"],
        *,
        username: str | None = None,
        password: str | None = None,
        timeout_connect_s: float = 30,
        timeout_data_s: float = 600,
    ) -> None:
        if starttls == "never" and not is_loopback(host):
            raise ValueError(f"SMTP relay {host}: not on this machine, so write starttls = required")
        self._host, self._port, self._starttls = host, port, starttls == "required"
        self._username, self._password = username, password
        self._timeout_connect_s, self._timeout_data_s = timeout_connect_s, timeout_data_s

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        """See Channel.send. `payload` comes from `compose`; the envelope sender is its From."""
        if not address.isprintable():  # aiosmtplib would quietly cut it at the line break
            return Never(f"{clean(address)}: control characters in an address")
        sender = BytesHeaderParser(policy=SMTP_POLICY).parsebytes(payload)["From"].addresses[0].addr_spec
        relay = self._relay(sender)
        stage, answered = "connect", True
        try:
            await relay.connect()  # with STARTTLS and login
            stage = "MAIL"
            await relay.mail(sender)
            stage = "RCPT"
            await relay.rcpt(address)
            stage = "DATA"
            async with asyncio.timeout(self._timeout_data_s):
                await _send_all_but_the_dot(relay, payload)
            stage = "dot"
            code, text = await relay.execute_command(b".", timeout=self._timeout_data_s)
            return _judge(stage, code, text)
        except aiosmtplib.SMTPResponseException as refusal:
            return _judge(stage, refusal.code, refusal.message)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # OSError: TLS and time-outs too
            answered = False
            return _unanswered(stage, error)
        finally:
            _hang_up(relay, polite=answered)

    def _relay(self, sender: str) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._username,
            password=self._password,
            start_tls=self._starttls,
            timeout=self._timeout_connect_s,
            local_hostname=sender.rpartition("@")[2],  # no look-up of our own name, and nothing about this machine
        )


async def _send_all_but_the_dot(relay: aiosmtplib.SMTP, payload: bytes) -> None:
    """DATA and the message, CRLF and dot-stuffed, until it has left our buffer. Raises as aiosmtplib does."""
    code, text = await relay.execute_command(b"DATA")
    if code != 354:
        raise aiosmtplib.SMTPDataError(code, text)
    lines = re.sub(rb"\r\n|\n|\r", b"\r\n", payload)
    lines = re.sub(rb"(?m)^\.", b"..", lines if lines.endswith(b"\r\n") else lines + b"\r\n")
    if relay.protocol is not None:
        relay.protocol.write(lines)
    transport = cast(asyncio.WriteTransport | None, relay.transport)
    while transport is not None and transport.get_write_buffer_size():  # noqa: ASYNC110 - asyncio has no event for it
        await asyncio.sleep(BUFFER_POLL_S)
    if not relay.is_connected:
        raise aiosmtplib.SMTPServerDisconnected("Connection lost before the end of the message")


def _hang_up(relay: aiosmtplib.SMTP, polite: bool) -> None:
    """QUIT without waiting for the answer: the outcome is known and must be written down first."""
    if relay.protocol is not None and relay.is_connected:
        if polite:
            relay.protocol.write(b"QUIT\r\n")
        else:  # a closing transport would wait for a peer that may never read on
            cast(asyncio.WriteTransport, relay.transport).abort()
    relay.close()


def _unanswered(stage: str, error: Exception) -> Outcome:
    why = f"{stage}: {clean(str(error) or type(error).__name__, REPLY_MAX)}"
    if stage == "dot":
        return Unknown(why)
    if stage == "RCPT" and isinstance(error, ValueError):  # not an address that SMTP can carry
        return Never(why)
    return TryLater(why)


def _judge(stage: str, code: int, text: str) -> Outcome:
    reply = clean(f"{code} {text}", REPLY_MAX)
    why = f"{stage}: {reply}"
    if stage == "dot" and 200 <= code < 300:
        return Sent(reply)
    if stage == "dot" and not 400 <= code < 600:
        return Unknown(why)  # an answer that says neither yes nor no
    if code < 500 or stage in ("connect", "MAIL"):
        return TryLater(why)
    if stage in ("RCPT", "DATA") and NOT_THE_ADDRESS.match(reply):
        return TryLater(why)
    return Never(why)
