"""Lawful lives, through the whole shipped set: nobody who keeps the law is reported for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from alerts.core.replay import replay
from alerts.core.turn import Settled
from alerts.files.loader import load_rules
from alerts.files.ruletest import events_of
from alerts.files.setup import Setup, load_setup
from alerts.files.testfile import RuleTest, load_rule_tests

ROOT = Path(__file__).parents[2]
REMINDERS = {"stay_expiring", "permit_last_filing_day", "rptka_extension_window", "foreign_org_permit_expiring"}
ONLY_AS_HEARD = {"late"}  # these lives are lawful, but somebody who believes the sources complete cannot know it yet

RULES = load_rules(ROOT / "rules", date(2026, 1, 1)).rules
SETUP = load_setup(ROOT / "rules", ROOT / "rules")
FILES = {path.stem: load_rule_tests(path, ROOT / "tests") for path in sorted((ROOT / "tests/baseline").glob("*.yaml"))}
LIVES = [pytest.param(stem, life, id=f"{stem}: {life.name}") for stem, (lives, _) in FILES.items() for life in lives]


def test_the_lives_are_readable() -> None:
    assert [str(problem) for _, problems in FILES.values() for problem in problems] == []
    assert len(LIVES) >= 20


@pytest.mark.parametrize(("stem", "life"), LIVES)
def test_a_lawful_life_raises_nothing_but_reminders(stem: str, life: RuleTest) -> None:
    assert RULES
    assert isinstance(SETUP, Setup)
    events, refused = events_of(life, SETUP)
    assert refused == ()
    # The few events of a life leave its sources silent for long; that is about the agency, except where it is the story.
    allowed = REMINDERS if stem == "feeds" else REMINDERS | {"feed_silent"}
    for complete in (None,) if stem in ONLY_AS_HEARD else (None, {}):
        settled = Settled(RULES, SETUP.units, SETUP.calendar, SETUP.feeds, complete)
        changes = [change for change in replay(events, settled, life.expect[-1].at) if change.rule not in allowed]
        assert [f"{c.time} {c.change} {c.rule} {c.subject} {c.item}" for c in changes] == []
