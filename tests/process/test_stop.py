"""SIGTERM while a mail is with the carrier and an agency publishes: the process ends by that signal. A carrier that answers soon
is heard, so nothing is in doubt; one that does not is not waited for, and after the next start nothing is lost and only what was
inside a hand-off is repeated."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.e2e.service import until
from tests.process.books import check, heals
from tests.process.installation import installed
from tests.process.publisher import publishing


def test_a_carrier_that_answers_soon_after_sigterm_is_heard(tmp_path: Path) -> None:
    with installed(tmp_path / "here") as here:
        here.carriers.answering.clear()
        here.start()
        with publishing(here.service, 1) as publisher:
            until(here.carriers.asked.is_set, "a mail waits for its answer", log=here.service.log)
            here.carriers.signal(signal.SIGTERM)
            until(here.service.is_closed, "the service takes no more events", log=here.service.log)
            here.carriers.answering.set()
            here.ended(by=signal.SIGTERM)
            here.start()
        heals(here.service)
        assert not here.in_doubt[1]
        check(here.service, here.carriers, publisher, here.in_doubt)


def test_sigterm_inside_a_hand_off_that_is_not_answered_repeats_that_and_loses_nothing(tmp_path: Path) -> None:
    with installed(tmp_path / "here") as here:
        here.carriers.answering.clear()
        here.start()
        with publishing(here.service, 1) as publisher:
            until(here.carriers.asked.is_set, "a mail waits for its answer", log=here.service.log)
            here.carriers.signal(signal.SIGTERM)
            here.ended(by=signal.SIGTERM)
            here.carriers.answering.set()
            here.start()
        heals(here.service)
        assert here.in_doubt[1], "there was one"
        check(here.service, here.carriers, publisher, here.in_doubt)
