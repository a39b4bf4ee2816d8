"""A real SMTP server and a real HTTP SMS gateway that keep what they take, hold their answer when told to, and end the service
at named points of a hand-off:

    offered     the carrier knows of it, and has not taken it
    taken       the carrier has it, and has not answered
    answered    the answer is on its way, and the service has not recorded it (it is stopped first, so that it cannot)
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.e2e.service import free_port

HAND_OFF_POINTS = tuple(f"{what} {point}" for what in ("mail", "sms") for point in ("offered", "taken", "answered"))
GOOD_SMS_ANSWER = b'{"status": "0"}'


class Delivery(NamedTuple):
    """A notice that a carrier took, in which life of the service."""

    life: int
    notice: str
    address: str
    payload: bytes


class Carriers:
    """What both have taken, and when they are to strike."""

    def __init__(self) -> None:
        self.taken: list[Delivery] = []
        self.life = 0
        self._pid = 0  # of the service
        self._point, self._nth, self._times = "", 0, count(1)
        self.answering = threading.Event()  # clear: mails are taken and not answered
        self.answering.set()
        self.asked = threading.Event()  # a mail waits for its answer
        self.heard = threading.Event()  # the service has had an answer

    def lives(self, pid: int) -> None:
        self._pid, self.life = pid, self.life + 1

    def take(self, notice: str, address: str, payload: bytes) -> None:
        self.taken.append(Delivery(self.life, notice, address, payload))

    def arm(self, point: str, nth: int) -> None:
        """End the service when this point is reached the nth time from now."""
        self._point, self._nth, self._times = point, nth, count(1)

    def reached(self, point: str) -> bool:
        """Whether the service is to be ended here."""
        return point == self._point and next(self._times) == self._nth

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._pid, number)


class Mail:
    """Handles what the SMTP server hears."""

    def __init__(self, carriers: Carriers) -> None:
        self.carriers = carriers

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.carriers.reached("mail offered"):
            self.carriers.signal(signal.SIGKILL)
        envelope.rcpt_tos.append(address)
        return "250 go on"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        carriers, content = self.carriers, bytes(envelope.original_content or b"")
        carriers.take(notice_of(content), envelope.rcpt_tos[0], content)
        if carriers.reached("mail taken"):
            carriers.signal(signal.SIGKILL)
        carriers.asked.set()
        await asyncio.to_thread(carriers.answering.wait)
        if carriers.reached("mail answered"):
            carriers.signal(signal.SIGSTOP)
            await server.push("250 taken")
            carriers.signal(signal.SIGKILL)
        return "250 taken"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.carriers.heard.set()
        return "221 bye"


def notice_of(mail: bytes) -> str:
    return mail.split(b"Message-ID: <")[1].split(b"@")[0].decode()


class Gateway(BaseHTTPRequestHandler):
    """Answers one SMS; `carriers` is set by the server that uses it."""

    carriers: Carriers

    def do_POST(self) -> None:
        carriers, length = self.carriers, int(self.headers["content-length"])
        if carriers.reached("sms offered"):
            carriers.signal(signal.SIGKILL)
            return
        body = self.rfile.read(length)
        if len(body) < length:
            return  # it died before it had said all
        form = parse_qs(body.decode())
        carriers.take(form["reference"][0], form["to"][0], form["message"][0].encode())
        if carriers.reached("sms taken"):
            carriers.signal(signal.SIGKILL)
        last = carriers.reached("sms answered")
        if last:
            carriers.signal(signal.SIGSTOP)
        self.send_response(200)
        self.send_header("content-length", str(len(GOOD_SMS_ANSWER)))
        self.end_headers()
        self.wfile.write(GOOD_SMS_ANSWER)
        if last:
            carriers.signal(signal.SIGKILL)

    def log_message(self, format: str, *args: object) -> None:
        """The books tell more."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # of a service that died while it was answered
            super().handle_error(request, client_address)


@contextmanager
def listening(carriers: Carriers) -> Iterator[dict[str, str]]:
    """Both carriers on loopback, as the settings of a service that uses them."""
    mail = Controller(Mail(carriers), hostname="127.0.0.1", port=free_port())
    sms = Server(("127.0.0.1", 0), type("Gateway", (Gateway,), {"carriers": carriers}))
    mail.start()
    threading.Thread(target=sms.serve_forever, daemon=True).start()
    try:
        yield {
            "LAPOR_SMTP_HOST": "127.0.0.1",
            "LAPOR_SMTP_PORT": str(mail.port),
            "LAPOR_SMTP_STARTTLS": "never",
            "LAPOR_SMS_URL": f"http://127.0.0.1:{sms.server_port}/send",
            "LAPOR_SMS_SUCCESS": '"status": "0"',
        }
    finally:
        carriers.answering.set()
        mail.stop()
        sms.shutdown()
        sms.server_close()
