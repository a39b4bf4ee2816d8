"""What a message to an officer is made of, and which facts may be in it.

A Line is one alert as a letter may know it, a Letter is one notice before it is worded, a Message is the notice in
words. What is not a field here cannot reach an officer by e-mail or SMS: names, passports and nationality are not. An
SMS is read on anybody's screen, so its templates never see a Line, only an SmsLine, which has no facts at all.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec

from alerts.core.calendar import civil_date
from alerts.core.rules import Rule, Severity, Text

NOTICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # safe as Message-ID, file name and CreatorID
TOLD = ("raised", "stepped", "unanswered", "withdrawn")  # changes that officers are told; an alert expires in silence


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One alert in a letter. `facts` holds only what its rule lists, as text: ("stay.valid_until", "2026-03-14")."""

    ref: str  # the case number, "JBI-26-004182"
    rule: str
    template: str
    title: Text
    change: str  # one of TOLD
    severity: Severity
    area_name: str
    raised_at: datetime
    due: datetime | None = None
    facts: tuple[tuple[str, str], ...] = ()
    legal_basis: tuple[str, ...] = ()
    late: bool = False  # the instant passed while the service was down
    unconfirmed: bool = False  # rests on a match of identities that nobody has confirmed
    rule_generation: str = ""


class SmsLine(msgspec.Struct, frozen=True, kw_only=True):
    """All that an SMS may say about an alert."""

    ref: str
    title: Text
    change: str
    severity: Severity
    area_name: str
    due: datetime | None


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One notice to one officer, before it is worded: one alert, or several grouped.

    Raises ValueError for a letter without lines and for changes that nobody is told.
    """

    notice: str
    channel: str  # "email" | "sms"
    language: str  # "id" | "en"
    unit_name: str
    lines: tuple[Line, ...]
    portal: str
    drill: bool = False

    def __post_init__(self) -> None:
        untold = sorted({line.change for line in self.lines} - set(TOLD))
        if not self.lines or untold:
            raise ValueError(f"letter {self.notice}: {untold or 'no lines'}; a letter tells of {', '.join(TOLD)}")


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A notice in words. `html` is empty for SMS.

    `fallback` says that it was not worded by the template asked for, and `problem` why; it is empty when the rule
    merely has no template of its own. Raises ValueError for a notice id that could not be a Message-ID or a file
    name.
    """

    notice: str
    channel: str
    address: str
    subject: str
    text: str
    html: str = ""
    fallback: bool = False
    problem: str = ""

    def __post_init__(self) -> None:
        if not NOTICE_ID.fullmatch(self.notice):
            raise ValueError(f"notice id {self.notice!r}: write letters, digits, '.', '_' and '-' only, 100 at most")


def case_number(prefix: str, raised_at: datetime, number: int) -> str:
    """What officers call an alert: "JBI-26-004182", of the WIB year in which it was raised; `number` counts all alerts."""
    return f"{prefix}-{civil_date(raised_at).year % 100:02d}-{number:06d}"


def sms_line(line: Line) -> SmsLine:
    """What remains of an alert for an SMS: case number, title, area and date, no facts."""
    return SmsLine(**{name: getattr(line, name) for name in SmsLine.__struct_fields__})


def unlisted_facts(line: Line, rule: Rule) -> tuple[str, ...]:
    """Names of facts in the line that its rule does not list; anything but () is a leak."""
    listed = {str(path) for path in rule.facts}
    return tuple(name for name, _ in line.facts if name not in listed)
