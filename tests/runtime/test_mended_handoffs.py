"""Notices on a store that fails in between, on a slow relay, and with a carrier that gives up after it took them."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.channels import Channel, Never, Outcome, Sent, TryLater
from alerts.runtime.dispatcher import ASKED_FOR
from alerts.store.errors import STORE_ERRORS
from tests.runtime.office import Office, permit
from tests.runtime.running import overstay, running
from tests.runtime.test_dispatcher import Relay, all_that_is_due, dispatcher, listening
from tests.servers.databases import failing


@pytest.fixture
def owing(office: Office) -> Office:
    """One officer is to be told of one alert."""
    office.accept(permit(1))
    office.later(minutes=2)
    return office


@pytest.fixture
def owing_two(office: Office) -> Office:
    office.accept(permit(1))
    office.store.connection.execute("UPDATE notices SET officer = 'other'")
    office.accept(permit(2))
    office.later(minutes=2)
    assert len(office.notices()) == 2
    return office


def states(office: Office) -> list[str]:
    return sorted(row.state for row in office.notices())


def fails_when(office: Office, condition: str) -> AbstractContextManager[None]:
    return failing(office.store.connection, "UPDATE ON notices", condition)


async def test_those_begun_before_the_store_failed_are_handed_over_and_the_others_later(owing_two: Office) -> None:
    last = max(row.id for row in owing_two.notices())
    relay = Relay()
    async with listening(relay) as carriers:
        same = dispatcher(owing_two, carriers)
        with fails_when(owing_two, f"NEW.state = 'sending' AND NEW.id = '{last}'"):
            await same.round(owing_two.decided, owing_two.now)
            assert states(owing_two) == ["planned", "sent"]
            with pytest.raises(STORE_ERRORS):
                await same.round(owing_two.decided, owing_two.now)
        await same.round(owing_two.decided, owing_two.now)
    assert states(owing_two) == ["sent", "sent"]
    assert [row.maybe_twice for row in owing_two.notices()] == [False, False]
    assert len(relay.taken) == 2


async def test_a_result_that_could_not_be_written_is_written_later_and_nothing_is_sent_twice(owing: Office) -> None:
    relay = Relay()
    async with listening(relay) as carriers:
        same = dispatcher(owing, carriers)
        with fails_when(owing, "OLD.state = 'sending'"):
            with pytest.raises(STORE_ERRORS):
                await same.round(owing.decided, owing.now)
            assert states(owing) == ["sending"]
        await same.round(owing.decided, owing.now)
    assert [(row.state, row.maybe_twice) for row in owing.notices()] == [("sent", False)]
    assert len(relay.taken) == 1


# Asking afterwards ------------------------------------------------------------------------------------------------------


class Smsd:
    """A carrier that takes everything and says later what became of it."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.asked: list[str] = []
        self.answer: Outcome | None = None

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        self.taken.append(notice)
        return Sent(f"outbox {len(self.taken)}")

    async def status(self, notice: str) -> Outcome | None:
        self.asked.append(notice)
        return self.answer


@pytest.mark.parametrize(
    ("answer", "state", "reference", "asked"),
    [
        (None, "sent", "outbox 1", 2),
        (Sent("sentitems 1"), "sent", "sentitems 1", 1),
        (Never("DeliveryFailed"), "failed", "outbox 1", 1),
        (TryLater("SendingError"), "planned", "outbox 1", 1),
    ],
)
async def test_a_carrier_that_took_a_notice_is_asked_what_became_of_it_until_it_says(
    owing: Office, answer: Outcome | None, state: str, reference: str, asked: int
) -> None:
    smsd = Smsd()
    same = dispatcher(owing, {"email": smsd})
    await same.round(owing.decided, owing.now)
    smsd.answer = answer
    for _ in range(2):
        owing.later(minutes=3)
        await same.ask(owing.decided.policy, owing.now)
    (row,) = owing.notices()
    assert (row.state, row.reference, len(smsd.asked)) == (state, reference, asked)
    assert not row.maybe_twice
    assert owing.store.book.owed().balanced


async def test_what_the_carrier_gave_up_is_handed_over_again(owing: Office) -> None:
    smsd = Smsd()
    carriers: dict[str, Channel] = {"email": smsd}
    await dispatcher(owing, carriers).round(owing.decided, owing.now)
    smsd.answer = TryLater("SendingError")
    await dispatcher(owing, carriers).ask(owing.decided.policy, owing.now)
    await all_that_is_due(owing, carriers)
    (row,) = owing.notices()
    assert (row.state, row.attempts, row.reference) == ("sent", 2, "outbox 2")


async def test_nobody_is_asked_after_three_days_nor_a_carrier_that_cannot_be_asked(owing_two: Office) -> None:
    smsd = Smsd()
    await dispatcher(owing_two, {"email": smsd}).round(owing_two.decided, owing_two.now)
    await dispatcher(owing_two, {}).ask(owing_two.decided.policy, owing_two.now)
    owing_two.now += ASKED_FOR
    await dispatcher(owing_two, {"email": smsd}).ask(owing_two.decided.policy, owing_two.now)
    assert (states(owing_two), smsd.asked) == (["sent", "sent"], [])
    async with listening(Relay()) as carriers:
        owing_two.accept(permit(3))
        await all_that_is_due(owing_two, carriers)
    assert owing_two.store.book.to_ask(owing_two.now) == []


# Channels ---------------------------------------------------------------------------------------------------------------


async def test_a_relay_that_hangs_does_not_hold_the_sms(tmp_path: Path, editable: Path) -> None:
    units = editable / "units.yaml"
    text = units.read_text(encoding="utf-8")
    text = text.replace("receives: [email]", 'receives: [email, sms], sms: "+6281200000601"')
    units.write_text(text, encoding="utf-8")
    async with running(tmp_path, editable) as it:
        hangs = asyncio.Event()

        class Slow:
            async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
                hangs.set()
                return await asyncio.get_running_loop().create_future()

        it.service._dispatcher._carriers = {**it.service._dispatcher._carriers, "email": Slow()}
        await it.accept(overstay(1))
        await asyncio.wait_for(hangs.wait(), 10)
        # By the policy an SMS waits for the morning, unless it is critical.
        for sql in ("UPDATE notices SET send_after = 0 WHERE channel = 'sms'", "UPDATE notice_lines SET severity = 4"):
            await it.at_store(it.service._store.connection.execute, sql)
        it.service._mail.set()
        await it.until(
            lambda: (
                {(row.channel, row.state) for row in it.pages.notices("", 10)}
                == {("email", "sending"), ("sms", "sent")}
            ),
            "the SMS goes while the mail hangs",
        )


@pytest.mark.sqlite("PostgreSQL goes by its statistics, and uses no index for a few rows")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM notices WHERE state = 'planned' AND send_after <= ? AND channel = ? ORDER BY send_after, id LIMIT 8",
        "SELECT min(send_after) FROM notices WHERE state = 'planned' AND channel = ?",
    ],
)
def test_what_is_due_is_found_by_an_index(office: Office, sql: str) -> None:
    plan = [
        row[3] for row in office.store.connection.execute(f"EXPLAIN QUERY PLAN {sql}", (0, "sms")[-sql.count("?") :])
    ]
    assert any("notices_due" in step for step in plan), plan


async def test_a_notice_of_another_channel_is_left_alone(owing: Office) -> None:
    smsd = Smsd()
    same = dispatcher(owing, {"email": smsd, "sms": smsd})
    assert await same.round(owing.decided, owing.now, "sms") == 0
    assert await same.next_due("sms") is None
    assert await same.next_due("email") == owing.now
    assert await same.round(owing.decided, owing.now + timedelta(seconds=1), "email") == 1
