"""Processes whose clock is not the database's make no turns: one that is ahead would move everybody's time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.core.health import Pulse, checks
from alerts.core.ports import ClockOff, Unavailable
from alerts.runtime import clock
from alerts.runtime.applying import Record
from alerts.runtime.feeding import Fed
from alerts.runtime.service import Service
from alerts.runtime.settings import Settings, read_settings
from tests.runtime.conftest import Run
from tests.runtime.office import decisions
from tests.runtime.running import overstay
from tests.servers.databases import postgres

DAY = timedelta(days=1)
FIRST = [Record("lapor.events.v1", 0, 0, overstay(1))]
OFF = "the clock of this process is 864[0-9]{2} s ahead of the database's; set the one that is wrong"

Shift = Callable[[timedelta], None]


@pytest.fixture
def settings(tmp_path: Path, root: Path) -> Settings:
    data = tmp_path / "data"
    data.mkdir()
    url = postgres(data / "lapor-dini.sqlite").url  # type: ignore[union-attr]
    return read_settings({"LAPOR_RULES": str(root), "LAPOR_DATA": str(data), "LAPOR_DATABASE": url})


@pytest.fixture
def shift(monkeypatch: pytest.MonkeyPatch) -> Shift:
    """Set the clock of this process."""
    now = clock.now
    return lambda by: monkeypatch.setattr(clock, "now", lambda: now() + by)


def test_a_worker_whose_clock_is_off_applies_nothing_says_so_and_goes_on_when_it_is_right(
    settings: Settings, shift: Shift
) -> None:
    fed = Fed(settings, decisions(settings.rules, clock.now()))
    shift(DAY)
    with pytest.raises(ClockOff, match=OFF):
        fed.apply(FIRST)
    assert fed.positions() == {}
    found = {check.name: check for check in checks(Pulse(0, None, {}), 1, clock.now(), fed.meters.turns)}
    assert "ahead of the database's" in found["turns"].what
    assert found["store"].ok
    shift(timedelta(seconds=30))
    fed.apply(FIRST)
    assert fed.positions() == {("lapor.events.v1", 0): 0}
    assert not fed.meters.turns.clock_off


def test_a_service_whose_clock_is_off_takes_nothing(settings: Settings, shift: Shift) -> None:
    service = Service(settings, decisions(settings.rules, clock.now()))
    shift(-DAY)
    with pytest.raises(Unavailable, match="behind the database's"):
        service._turn([overstay(1)])
    assert service._store.register.last_turn() is None
    shift(timedelta(0))
    taken, _ = service._turn([overstay(1)])
    assert [answer.status for answer in taken.answers] == ["accepted"]


@pytest.mark.parametrize("role", ["web", "tick", "dispatch"])
def test_no_role_starts_with_a_clock_that_is_off(settings: Settings, shift: Shift, run: Run, role: str) -> None:
    shift(DAY)
    done = run(role, LAPOR_DATABASE=str(settings.database), LAPOR_PORT="0")
    assert (done.exit_code, "the service cannot start: the clock of this process is" in done.stderr) == (3, True)
