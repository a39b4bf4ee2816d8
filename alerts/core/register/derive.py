"""The view of a subject of any kind: what rules see of it at an instant, and until when that holds by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from alerts.core.feeds import FeedList, FeedState
from alerts.core.register.area import area_view
from alerts.core.register.employer import employer_view
from alerts.core.register.facts import EmployerFacts
from alerts.core.register.institution import institution_view
from alerts.core.register.lodging import lodging_view
from alerts.core.register.person import EVERYTHING, person_view
from alerts.core.register.subject import AnySubject
from alerts.core.register.views import Feed


def derive(
    subject: AnySubject,
    linked: Mapping[str, EmployerFacts],
    feeds: FeedList,
    states: Mapping[str, FeedState],
    now: datetime,
    wanted: Collection[str] | None = None,
) -> tuple[msgspec.Struct, datetime | None]:
    """The published view of the subject at `now` (see `views`), and the instant until which it holds if no event comes.

    Lists of a person or an employer that are not `wanted` may be left empty; None: all are.
    """
    facts: Any = subject.facts
    match subject.kind:
        case "person":
            return person_view(facts, linked, now, EVERYTHING if wanted is None else wanted, subject.doubtful)
        case "employer":
            return employer_view(facts, now, wanted)
        case "lodging":
            return lodging_view(facts, states), None
        case "institution":
            return institution_view(facts), None
        case "area":
            return area_view(subject.key, facts), None
        case "feed":
            return _feed(facts, feeds), None
    raise ValueError(f"no kind of subject is called {subject.kind!r}")


def _feed(state: FeedState, feeds: FeedList) -> Feed:
    office = feeds.offices.get(state.source)
    expected_by = state.last_heard + office.silent_after if office and office.silent_after else None
    return Feed(
        source=state.source,
        agency=state.source.partition("/")[0],
        last_heard=state.last_heard,
        listed=office is not None,
        expected_by=expected_by,
        area=office.area if office else None,
    )
