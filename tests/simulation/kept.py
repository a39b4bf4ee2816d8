"""The kept events as the oracle of `tests/oracle` reads them, and what it says stands.

It knows the shipped rules only, so it is asked where no edit has changed what one of them means.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from alerts.store.database import from_us
from tests.oracle.oracle import Key, Verdict, standing

SAME_MEANING = {"as shipped", "another title", "back to shadow", "trial over", "broken"}  # edits; a shadow stands, too


def should_stand(
    kept: Iterable[tuple[bytes, int]], alerts: dict[str, Key], instants: Collection[datetime]
) -> list[dict[Key, Verdict]]:
    """At each instant, in order, by events as kept with when they were received."""
    return standing([as_told(raw, from_us(received), alerts) for raw, received in kept], instants)


def as_told(raw: bytes, received: datetime, alerts: dict[str, Key]) -> dict[str, Any]:
    """With what the oracle cannot know: when it was received, and what the alert is about that an officer closed."""
    event = json.loads(raw)
    if event["type"] == "alert.closed.v1":
        about = alerts[event["data"]["alert"]]
        event["data"] |= dict(zip(("rule", "subject", "item"), about, strict=True))
    return event | {"receivedtime": received.isoformat()}
