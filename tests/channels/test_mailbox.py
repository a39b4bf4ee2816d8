"""Where no carrier is configured, notices become files, whole and once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.channels import Sent, TryLater
from alerts.channels.email import compose
from alerts.channels.mailbox import Mailbox
from alerts.channels.render import Templates
from alerts.core.letters import Letter


async def test_a_mail_lands_in_the_mailbox_and_can_be_read_there(
    tmp_path: Path, shipped: Templates, letter: Callable[..., Letter]
) -> None:
    message = shipped.render(letter(), "petugas1@tanjab-barat.example")
    payload = compose(message, "lapor@dini.example", "dini.example", datetime(2026, 3, 2, tzinfo=UTC))
    mailbox = Mailbox(tmp_path, "email")
    assert await mailbox.send(message.address, "n-0001", payload) == Sent("n-0001.eml")
    assert (tmp_path / "email" / "n-0001.eml").read_bytes() == payload
    [entry] = mailbox.entries()
    assert (entry.notice, entry.address, entry.subject) == ("n-0001", message.address, message.subject)
    assert entry.text.splitlines() == message.text.splitlines()


async def test_an_sms_lands_in_the_mailbox_with_its_number(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, "sms")
    assert await mailbox.send("+6281200000601", "n-0002", "LAPOR DINI É".encode()) == Sent("n-0002.txt")
    [entry] = mailbox.entries()
    assert (entry.address, entry.text) == ("+6281200000601", "LAPOR DINI É")
    assert (tmp_path / "sms").stat().st_mode & 0o777 == 0o700


async def test_the_same_notice_again_changes_nothing(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, "sms")
    for text in (b"first", b"second"):
        assert await mailbox.send("+6281200000601", "n-0003", text) == Sent("n-0003.txt")
    assert [entry.text for entry in mailbox.entries()] == ["first"]


async def test_a_notice_half_written_by_a_crash_is_not_shown_and_is_written_anew(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, "sms")
    (tmp_path / "sms").mkdir()
    (tmp_path / "sms" / ".n-0004.txt").write_bytes(b"To: +62812")
    assert mailbox.entries() == []
    await mailbox.send("+6281200000601", "n-0004", b"whole")
    assert [entry.text for entry in mailbox.entries()] == ["whole"]


async def test_a_folder_that_cannot_be_written_means_later(tmp_path: Path) -> None:
    (tmp_path / "sms").write_text("a file where the folder should be")
    assert isinstance(await Mailbox(tmp_path, "sms").send("+6281200000601", "n-0005", b"x"), TryLater)


@pytest.mark.parametrize("notice", ["../n", "", "a/b", ".n", "n\n"])
async def test_a_notice_id_cannot_lead_out_of_the_folder(notice: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be a file name"):
        await Mailbox(tmp_path, "sms").send("+6281200000601", notice, b"x")
