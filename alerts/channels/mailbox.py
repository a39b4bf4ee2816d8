"""The carrier when none is configured: notices become files that the page shows. Nothing leaves the machine."""

from __future__ import annotations

import asyncio
import os
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import msgspec

from alerts.channels import Outcome, Sent, TryLater
from alerts.core.letters import NOTICE_ID

ENDINGS = {"email": ".eml", "sms": ".txt"}


class Entry(msgspec.Struct, frozen=True):
    """One notice in a mailbox. `written_s` is a Unix time."""

    notice: str
    address: str
    subject: str
    text: str
    written_s: float


class Mailbox:
    """A folder of notices of one channel, "email" or "sms", one file each."""

    def __init__(self, folder: Path, channel: str) -> None:
        self._folder, self._ending = folder / channel, ENDINGS[channel]

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        """See Channel.send. A notice is written once. Raises ValueError for an unsafe notice id."""
        if not NOTICE_ID.fullmatch(notice):
            raise ValueError(f"notice id {notice!r} cannot be a file name")
        path = self._folder / f"{notice}{self._ending}"
        content = payload if self._ending == ".eml" else f"To: {address}\n\n".encode() + payload
        try:
            await asyncio.to_thread(_write, path, content)
        except OSError as error:
            return TryLater(f"mailbox: {error.strerror}")
        return Sent(path.name)

    def entries(self, limit: int = 200) -> list[Entry]:
        """The newest notices first."""
        paths = sorted(
            self._folder.glob(f"[!.]*{self._ending}"), key=lambda path: path.stat().st_mtime_ns, reverse=True
        )
        return [_entry(path) for path in paths[:limit]]


def _write(path: Path, content: bytes) -> None:
    """All or nothing, also when the power fails: write aside, sync, rename, sync the folder."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _entry(path: Path) -> Entry:
    content, written_s = path.read_bytes(), path.stat().st_mtime
    if path.suffix == ENDINGS["sms"]:
        head, _, text = content.decode().partition("\n\n")
        return Entry(path.stem, head.removeprefix("To: "), "", text, written_s)
    mail = message_from_bytes(content, EmailMessage, policy=policy.default)
    body = mail.get_body(("plain",))
    return Entry(path.stem, str(mail["To"]), str(mail["Subject"]), body.get_content() if body else "", written_s)
