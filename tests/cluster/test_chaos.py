"""The short form of `make chaos`: six faults, those that matter most among them, while events flow through a whole cluster."""

from __future__ import annotations

from tests.cluster.chaos import suffer
from tests.lengths import rounds

MESSAGES = 4000


def test_every_event_is_applied_once_and_every_notice_owed_handed_over_whatever_dies() -> None:
    for seed in rounds(1):
        figures = suffer(seed, faults=6, messages=MESSAGES, per_second=150, overstaying=0.4)
        assert figures.messages >= MESSAGES
        assert figures.duplicates
        assert figures.quarantined
        assert figures.maybe_twice, "a dispatcher was killed inside a hand-off"
