"""An installation with real carriers, whose notices go out at once; every life that ends leaves what was in doubt."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.service import Service
from tests.process.books import left_in_hand_off
from tests.process.carriers import Carriers, listening

AT_ONCE = {
    "group_wait_minutes: 2}": "group_wait_minutes: 0}",
    'quiet_from: "21:00"': 'quiet_from: "07:30"',  # as quiet_until: at no hour
    "per_officer_per_hour: 10": "per_officer_per_hour: 1000000",
    "at_least_alerts: 20": "at_least_alerts: 9999",  # a flood is told and not held
}


class Installation:
    def __init__(self, folder: Path, carriers: Carriers, settings: dict[str, str]) -> None:
        self.carriers = carriers
        self.service = Service(folder, **settings)
        self.in_doubt: dict[int, set[str]] = {}
        policy = self.service.rules / "policy.yaml"
        text = policy.read_text()
        for shipped, ours in AT_ONCE.items():
            assert shipped in text
            text = text.replace(shipped, ours)
        policy.write_text(text)

    def begin(self, *command: str) -> None:
        self.carriers.lives(self.service.begin(*command))

    def start(self) -> None:
        self.begin()
        self.service.ready()

    def kill(self) -> None:
        assert self.service.process
        self.service.process.send_signal(signal.SIGKILL)
        self.ended()

    def ended(self, by: signal.Signals = signal.SIGKILL) -> None:
        """Wait for the end of this life, and look at what it left."""
        assert self.service.process
        assert self.service.process.wait(timeout=60) == -by, self.service.log.read_text()[-3000:]
        life = self.carriers.life
        self.in_doubt[life] = left_in_hand_off(self.service, self.service.data.with_name(f"after-{life}"))


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    carriers = Carriers()
    with listening(carriers) as settings:
        here = Installation(folder, carriers, settings)
        try:
            yield here
        finally:
            if here.service.process:
                here.service.kill()
