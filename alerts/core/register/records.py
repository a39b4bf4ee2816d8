"""How well the records about a person agree with each other. Rules see whether, and since when; never the records themselves."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import combinations

from alerts.core.calendar import civil_date
from alerts.core.register.facts import Passport, Permit, PersonFacts

SAME_DAY = timedelta(days=1)  # registers count first and last days differently
OLD_PASSPORT = timedelta(
    days=30
)  # what was asked for on the old passport may still come on it so long after the new one


def registry_differs_since(facts: PersonFacts, permit: Permit) -> datetime | None:
    """Since when both are known: the last day of this permit, and another one in the newest registration made under it.

    A registration that agrees with any permit of the person was right once: it is an old copy, and no contradiction.
    """
    if not facts.residences or permit.valid_until is None:
        return None
    copy = facts.residences[-1]
    older = copy.issued_on < min(civil_date(permit.at), permit.valid_from)
    if copy.valid_until is None or older or copy.received is None or permit.received is None:
        return None
    if any(_same(copy.valid_until, other.valid_until) for other in facts.permits):
        return None
    return max(copy.received, permit.received)


def _same(one: date, other: date | None) -> bool:
    return other is not None and abs(one - other) <= SAME_DAY


def passports_overlap(facts: PersonFacts) -> bool:
    """Whether Imigrasi saw two passports in use at the same time, neither of which replaced the other as far as is told."""
    in_use = [passport for passport in facts.passports if not passport.replaced]
    return any(_used_between(one, other) or _used_between(other, one) for one, other in combinations(in_use, 2))


def _used_between(older: Passport, newer: Passport) -> bool:
    if older.first is None or older.last is None or newer.first is None:
        return False
    return older.first <= newer.first and older.last - newer.first > OLD_PASSPORT
