"""SMS that could not be handed over in time keep the quiet hours and the limit per hour all the same."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from alerts.channels import Outcome, Sent, TryLater
from alerts.channels.render import Templates
from alerts.core.calendar import WIB
from alerts.runtime.dispatcher import Dispatcher, Sender
from tests.found.province import Province, complete, departure, overstay, person
from tests.runtime.office import ROOT, directly, wib


class Gateway:
    """Takes SMS and keeps when."""

    def __init__(self, province: Province) -> None:
        self.province, self.taken, self.later = province, list[str](), 0

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        if self.later:
            self.later -= 1
            return TryLater("451 later")
        if address.endswith("601"):
            self.taken.append(self.province.now.astimezone(WIB).strftime("%d %H:%M"))
        return Sent("250")


@pytest.fixture
def gateway(province: Province) -> Iterator[Gateway]:
    yield Gateway(province)


async def hand_over_until(province: Province, gateway: Gateway, time: str) -> None:
    sender, templates = Sender("Uji <uji@lapor-dini.example>", "lapor-dini.example"), Templates([ROOT / "templates"])
    dispatcher = Dispatcher(province.store.book, directly, {"sms": gateway}, templates, sender)
    while (due := province.store.book.next_due("sms")) is not None and due <= wib(time):
        province.now = max(province.now, due)
        await dispatcher.round(province.decided, province.now, "sms")


def expired(province: Province, time: str) -> None:
    province.reported(time, overstay(), *complete(time, "imigrasi/jambi"))


async def test_a_retry_waits_for_the_morning(province: Province, gateway: Gateway) -> None:
    expired(province, "2026-03-10T20:56:00")
    gateway.later = 2
    await hand_over_until(province, gateway, "2026-03-12T00:00:00")
    assert gateway.taken == ["11 07:30"]


async def test_after_an_outage_the_sms_of_the_evening_wait_for_the_morning(
    province: Province, gateway: Gateway
) -> None:
    expired(province, "2026-03-10T20:50:00")
    province.now = wib("2026-03-10T23:00:00")
    await hand_over_until(province, gateway, "2026-03-12T00:00:00")
    assert gateway.taken == ["11 07:30"]


async def test_after_an_outage_no_more_sms_go_within_an_hour_than_ever(province: Province, gateway: Gateway) -> None:
    setup = province.decided.setup
    setup = msgspec.structs.replace(setup, policy=msgspec.structs.replace(setup.policy, sms_per_officer_per_hour=1))
    province.decided = msgspec.structs.replace(province.decided, setup=setup)
    expired(province, "2026-03-10T10:00:00")
    await hand_over_until(province, gateway, "2026-03-10T19:00:00")
    province.reported("2026-03-10T19:00:00", departure("2026-02-27"), overstay(who=person("X2"), no="P2"))
    gateway.later = 100
    await hand_over_until(province, gateway, "2026-03-10T23:00:00")
    gateway.later = 0
    await hand_over_until(province, gateway, "2026-03-12T00:00:00")
    assert gateway.taken == ["10 10:02", "11 07:30", "11 08:30"]


async def test_what_is_critical_is_sent_at_night_however_late(province: Province, gateway: Gateway) -> None:
    expired(province, "2026-05-10T20:50:00")
    province.now = wib("2026-05-10T23:00:00")
    await hand_over_until(province, gateway, "2026-05-12T00:00:00")
    assert gateway.taken == ["10 23:00"]
