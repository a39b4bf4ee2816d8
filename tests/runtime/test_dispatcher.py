"""What becomes of a notice between us and a real SMTP server that does as it is told. The clock is an argument."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.channels import Channel, Outcome, Sent
from alerts.channels.email import EmailChannel
from alerts.channels.render import Templates
from alerts.core.policy import Policy
from alerts.core.rules import Rule, Severity, Text
from alerts.runtime.at_store import StoreThread
from alerts.runtime.dispatcher import Dispatcher, Sender
from alerts.runtime.settle import Decided
from alerts.store.book import StoredBook
from alerts.store.database import connect
from alerts.store.pages import NoticeRow, Pages
from tests.runtime.office import ROOT, Office, directly, extension, permit, with_rule
from tests.servers.databases import where

SENDER = Sender("Lapor Dini <lapor-dini@lapor-dini.example>", "lapor-dini.example")
TEMPLATES = Templates([ROOT / "templates"])
DROP, HANG = "drop the connection", "never answer"
LATER = "451 4.3.0 later"


class Relay:
    """Answers each mail by the next line of the script, then with 250; keeps what it was given."""

    def __init__(self, *script: str) -> None:
        self.script = list(script)
        self.offered: list[bytes] = []
        self.taken: list[bytes] = []
        self.asked = asyncio.Event()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = bytes(envelope.original_content or b"")
        self.offered.append(content)
        self.asked.set()
        reply = self.script.pop(0) if self.script else "250 taken"
        if reply == HANG:
            self.taken.append(content)  # it has the mail, and we shall not know
            await asyncio.get_running_loop().create_future()
        if reply == DROP:
            self.taken.append(content)
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        elif reply.startswith("250"):
            self.taken.append(content)
        return reply


@asynccontextmanager
async def listening(relay: Relay) -> AsyncIterator[dict[str, Channel]]:
    """The carriers that hand mail to the relay."""
    factory = functools.partial(SMTP, relay, hostname="relay.lapor-dini.example")
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield {"email": EmailChannel("127.0.0.1", port, "never", timeout_connect_s=5, timeout_data_s=5)}
    finally:
        server.close()


def dispatcher(office: Office, carriers: dict[str, Channel], templates: Templates = TEMPLATES) -> Dispatcher:
    return Dispatcher(office.store.book, directly, carriers, templates, SENDER)


async def all_that_is_due(office: Office, carriers: dict[str, Channel]) -> int:
    """Rounds as the service makes them, each at the instant at which the next notice is due; how many hand-offs."""
    handed = 0
    while (due := office.store.book.next_due()) is not None:
        office.now = max(office.now, due)
        handed += await dispatcher(office, carriers).round(office.decided, office.now)
        assert office.store.book.owed().balanced, "the books balance after every round"
    return handed


def notice(office: Office) -> NoticeRow:
    (row,) = office.notices()
    return row


def message_id(mail: bytes) -> bytes:
    return mail.split(b"Message-ID: ")[1].split(b"\r\n")[0]


@pytest.fixture
def owing(office: Office) -> Office:
    """One officer is to be told of one alert, in two minutes."""
    office.accept(permit(1))
    assert (notice(office).state, notice(office).send_after - office.now) == ("planned", timedelta(minutes=2))
    return office


async def test_nothing_is_handed_over_before_its_time(owing: Office) -> None:
    relay = Relay()
    async with listening(relay) as carriers:
        owing.later(minutes=1, seconds=59)
        assert await dispatcher(owing, carriers).round(owing.decided, owing.now) == 0
        owing.later(seconds=1)
        assert await dispatcher(owing, carriers).round(owing.decided, owing.now) == 1
    assert (notice(owing).state, len(relay.taken)) == ("sent", 1)


async def test_a_mail_refused_for_now_is_offered_again_when_the_policy_says_and_taken_once(owing: Office) -> None:
    relay = Relay(LATER)
    async with listening(relay) as carriers:
        owing.later(minutes=2)
        await dispatcher(owing, carriers).round(owing.decided, owing.now)
        row = notice(owing)
        assert (row.state, row.attempts, row.maybe_twice) == ("planned", 1, False)
        assert LATER in row.reason
        assert row.send_after == owing.now + timedelta(minutes=1)
        assert await dispatcher(owing, carriers).round(owing.decided, owing.now) == 0, "not before"
        await all_that_is_due(owing, carriers)
    row = notice(owing)
    assert (row.state, row.attempts, row.maybe_twice, row.reason) == ("sent", 2, False, "")
    assert "250 taken" in row.reference
    assert len(relay.taken) == 1


@pytest.mark.parametrize(("give_up_after_hours", "attempts"), [(1, 4), (2, 5), (24, 10), (72, 22)])
async def test_it_is_offered_by_the_ladder_of_the_policy_until_that_gives_up(
    owing: Office, give_up_after_hours: int, attempts: int
) -> None:
    policy = msgspec.structs.replace(owing.decided.policy, give_up_after_hours=give_up_after_hours)
    setup = msgspec.structs.replace(owing.decided.setup, policy=policy)
    owing.decided = msgspec.structs.replace(owing.decided, setup=setup)
    relay, waits = Relay(*[LATER] * 100), []
    async with listening(relay) as carriers:
        owing.later(minutes=2)
        while owing.store.book.next_due():
            await dispatcher(owing, carriers).round(owing.decided, owing.now)
            due = owing.store.book.next_due() or owing.now
            waits.append((due - owing.now) // timedelta(minutes=1))
            owing.now = due
    ladder = [*Policy().retry_after_minutes, *[240] * 100][: attempts - 1]
    assert waits == [*ladder, 0]
    row = notice(owing)
    assert row.state == "failed"
    assert row.reason.startswith(f"given up after {give_up_after_hours} hours: ")
    assert LATER in row.reason
    assert set(relay.offered) == {relay.offered[0]}, "the same bytes every time"


async def test_a_mail_refused_for_good_has_failed_and_says_why(owing: Office) -> None:
    relay = Relay("554 5.7.1 not wanted")
    async with listening(relay) as carriers:
        assert await all_that_is_due(owing, carriers) == 1
    row = notice(owing)
    assert (row.state, row.attempts) == ("failed", 1)
    assert "554 5.7.1 not wanted" in row.reason
    owed = owing.store.book.owed()
    assert (owed.owed, owed.failed, owed.pending) == (1, 1, 0)


async def test_an_address_that_does_not_exist_has_failed_and_says_why(owing: Office) -> None:
    class Strict(Relay):
        async def handle_RCPT(
            self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            return "550 5.1.1 no such user"

    async with listening(Strict()) as carriers:
        await all_that_is_due(owing, carriers)
    assert notice(owing).state == "failed"
    assert "550 5.1.1 no such user" in notice(owing).reason


async def test_a_connection_lost_after_the_dot_is_repeated_with_the_same_bytes_and_marked(owing: Office) -> None:
    relay = Relay(DROP)
    async with listening(relay) as carriers:
        owing.later(minutes=2)
        await dispatcher(owing, carriers).round(owing.decided, owing.now)
        assert (notice(owing).state, notice(owing).maybe_twice) == ("planned", True)
        await all_that_is_due(owing, carriers)
    assert (notice(owing).state, notice(owing).maybe_twice) == ("sent", True)
    one, two = relay.taken
    assert one == two
    assert message_id(one) == f"<{notice(owing).id}@lapor-dini.example>".encode()
    assert owing.store.book.owed().maybe_twice == 1


async def test_a_process_that_ends_inside_a_hand_off_repeats_it_with_the_same_bytes_and_marks_it(
    owing: Office, decided: Decided
) -> None:
    relay = Relay(HANG)
    async with listening(relay) as carriers:
        owing.later(minutes=2)
        handing = asyncio.create_task(dispatcher(owing, carriers).round(owing.decided, owing.now))
        await relay.asked.wait()
        handing.cancel()
        await asyncio.gather(handing, return_exceptions=True)
        assert notice(owing).state == "sending", "written down before the carrier was spoken to"
        owing.store.close()
        restarted = Office(owing.path, decided, owing.now + timedelta(hours=1))
        again = dispatcher(restarted, carriers)
        assert await again.round(decided, restarted.now) == 0, "what is in doubt waits to be settled"
        await again.recover(restarted.now)
        assert (notice(restarted).state, notice(restarted).maybe_twice) == ("planned", True)
        await all_that_is_due(restarted, carriers)
    row = notice(restarted)
    assert (row.state, row.attempts, row.maybe_twice) == ("sent", 2, True)
    one, two = relay.taken
    assert one == two
    await again.recover(restarted.now)
    assert notice(restarted).state == "sent", "what is settled is not in doubt"


async def test_a_notice_is_worded_once_whatever_is_edited_afterwards(owing: Office, tmp_path: Path) -> None:
    relay = Relay(LATER, LATER)
    async with listening(relay) as carriers:
        owing.later(minutes=2)
        await dispatcher(owing, carriers).round(owing.decided, owing.now)

        def retitled(rule: Rule) -> Rule:
            return msgspec.structs.replace(rule, title=Text("Judul baru", "New title"))

        owing.decided = with_rule(owing.decided, "stay_expired", retitled)
        owing.later(minutes=1)
        other = Templates([tmp_path])  # no template at all
        await dispatcher(owing, carriers, other).round(owing.decided, owing.now)
        await all_that_is_due(owing, carriers)
    assert len(relay.offered) == 3
    assert len(set(relay.offered)) == 1
    assert b"Judul baru" not in relay.offered[0]


async def test_an_alert_withdrawn_before_anybody_was_told_is_told_to_nobody(owing: Office) -> None:
    owing.accept(extension(1))
    relay = Relay()
    async with listening(relay) as carriers:
        await all_that_is_due(owing, carriers)
    assert [(row.state, bool(row.reason)) for row in owing.notices()] == [("cancelled", True)]
    assert relay.offered == []
    owed = owing.store.book.owed()
    assert (owed.owed, owed.cancelled, owed.balanced) == (0, 1, True)


async def test_of_two_alerts_in_one_mail_only_the_withdrawn_one_is_taken_out(office: Office) -> None:
    office.accept(permit(1), permit(2))
    assert [len(row.lines) for row in office.notices()] == [2]
    office.accept(extension(1))
    relay = Relay()
    async with listening(relay) as carriers:
        await all_that_is_due(office, carriers)
    (mail,) = relay.taken
    assert [len(row.lines) for row in office.notices()] == [1]
    assert b"RALAT" not in mail


async def test_whoever_was_told_or_may_have_been_told_gets_a_ralat(owing: Office) -> None:
    relay = Relay(DROP)
    async with listening(relay) as carriers:
        owing.later(minutes=2)
        await dispatcher(owing, carriers).round(owing.decided, owing.now)
        owing.accept(extension(1))
        await all_that_is_due(owing, carriers)
    assert {row.kind: row.state for row in owing.notices()} == {"alert": "sent", "ralat": "sent"}
    assert b"RALAT" in relay.taken[-1]


async def test_a_notice_that_cannot_be_worded_fails_alone(office: Office) -> None:
    office.accept(permit(1))
    office.store.connection.execute("UPDATE notices SET address = 'bukan alamat'")
    office.later(minutes=2)
    office.accept(permit(2))
    relay = Relay()
    async with listening(relay) as carriers:
        await all_that_is_due(office, carriers)
    states = {row.state: row.reason for row in office.notices()}
    assert states.keys() == {"failed", "sent"} or states.keys() == {"failed"}
    assert states["failed"].startswith("could not be worded: To: ")


async def test_a_notice_without_a_carrier_fails_and_says_so(owing: Office) -> None:
    await all_that_is_due(owing, {})
    assert (notice(owing).state, notice(owing).reason) == ("failed", "no carrier for channel email")


async def test_a_carrier_that_breaks_its_promise_costs_no_notice(owing: Office) -> None:
    class Broken:
        async def send(self, address: str, notice: str, payload: bytes) -> None:
            raise RuntimeError("a defect, for the test")

    owing.later(minutes=2)
    await dispatcher(owing, {"email": Broken()}).round(owing.decided, owing.now)  # type: ignore[dict-item]
    assert (notice(owing).state, notice(owing).maybe_twice) == ("planned", True)
    relay = Relay()
    async with listening(relay) as carriers:
        await all_that_is_due(owing, carriers)
    assert (notice(owing).state, len(relay.taken)) == ("sent", 1)


async def test_many_notices_are_handed_over_a_few_at_a_time_each_once(office: Office) -> None:
    for number in range(30):
        office.accept(permit(number))
        office.later(minutes=4)
        office.store.connection.execute("UPDATE notices SET officer = 'other-' || id WHERE officer = 'prov-1'")
    relay = Relay(LATER, DROP, "554 no", LATER)
    async with listening(relay) as carriers:
        await all_that_is_due(office, carriers)
    states = [row.state for row in office.notices()]
    assert (len(states), states.count("sent"), states.count("failed")) == (30, 29, 1)
    assert len({message_id(mail) for mail in relay.taken}) == 29
    assert len(relay.taken) == 30, "the one that was dropped came twice"


async def test_of_two_severities_the_worse_comes_with_its_own_wait(office: Office) -> None:
    def milder(rule: Rule) -> Rule:
        steps = tuple(msgspec.structs.replace(step, severity=Severity.low) for step in rule.steps)
        return msgspec.structs.replace(rule, steps=steps)

    office.decided = with_rule(office.decided, "stay_expired", milder)
    office.accept(permit(1))
    assert notice(office).send_after - office.now == timedelta(minutes=60)
    assert Pages(office.where).books().balanced


async def test_a_row_that_another_program_holds_keeps_the_loop_waiting_for_nothing(owing: Office) -> None:
    owing.later(minutes=2)
    holder, at_store, held = connect(where(owing.path)), StoreThread(), asyncio.Event()

    class Carrier:
        async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
            holder.execute("BEGIN IMMEDIATE")
            holder.execute("UPDATE notices SET reason = 'held'")
            held.set()
            return Sent("taken")

    it = Dispatcher(owing.store.book, at_store, {"email": Carrier()}, TEMPLATES, SENDER)
    round = asyncio.create_task(it.round(owing.decided, owing.now))
    await held.wait()
    for _ in range(1000):
        await asyncio.sleep(0)  # the loop goes round
    assert not round.done(), "the outcome waits for the row"
    holder.execute("ROLLBACK")
    assert await round == 1
    at_store.close()
    holder.close()
    assert notice(owing).state == "sent"


# Many dispatchers -------------------------------------------------------------------------------------------------------


def test_what_is_said_of_an_attempt_does_not_count_when_there_was_another_since(owing: Office) -> None:
    (notice,) = owing.notices()
    late = StoredBook(owing.store.connection, "frozen")
    late.begin(notice.id, owing.now, b"the words", "", "")
    owing.rows("UPDATE notices SET lease_until = 0")
    other = StoredBook(owing.store.connection, "other")
    assert other.take_over(1) == [(notice.id, notice.channel, 1)]
    late.failed(notice.id, "what the frozen one says", attempt=1)
    other.again(notice.id, owing.now, "in doubt", in_doubt=True)
    other.begin(notice.id, owing.now, b"the words", "", "")
    other.sent(notice.id, "taken", attempt=2)
    late.again(notice.id, owing.now, "what the frozen one says", in_doubt=True, attempt=1)
    (row,) = owing.notices()
    assert (row.state, row.attempts, row.maybe_twice, row.reason) == ("sent", 2, True, "")
