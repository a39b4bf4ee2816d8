"""Channels hand a notice to a carrier and say what became of it. They decide nothing: no plan, no retry, no wording.

The payload is stored before the first attempt, so that every attempt sends the same bytes: `email.compose` makes it for
e-mail, the UTF-8 of `Message.text` is it for SMS. `Unknown` is the one honest answer when the carrier fell silent
inside the hand-off: it may or may not have the notice, and only the same bytes with the same identity may be offered
again.
"""

from __future__ import annotations

import ipaddress
from typing import Protocol, runtime_checkable

import msgspec


class Sent(msgspec.Struct, frozen=True):
    """The carrier took it. `reference` is what the carrier calls it."""

    reference: str


class TryLater(msgspec.Struct, frozen=True):
    """The carrier does not have it; another time may do. `after_s` is the carrier's own wish, 0 when it has none."""

    why: str
    after_s: int = 0


class Never(msgspec.Struct, frozen=True):
    """The carrier refuses this address or this message for good."""

    why: str


class Unknown(msgspec.Struct, frozen=True):
    """The carrier went silent inside the hand-off: it may or may not have it."""

    why: str


Outcome = Sent | TryLater | Never | Unknown


class Channel(Protocol):
    """One way to reach an officer."""

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        """Offer the payload to the carrier once. Never raises for what the carrier or the network does."""
        ...


@runtime_checkable
class Inquirer(Protocol):
    """A channel that can be asked about a hand-off afterwards."""

    async def status(self, notice: str) -> Outcome | None:
        """What became of it by now; None when the carrier cannot say or is still at it."""
        ...


def is_loopback(host: str) -> bool:
    """Whether what is sent to `host` stays on this machine, so that it may go unencrypted."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False
