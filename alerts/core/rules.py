"""What a rule file means, already checked.

`files/` turns YAML into these values; `engine` judges them. Everything here is frozen. A rule has no clock: `when` reads the
register only, while `due`, `steps`, `keep` and `needs` say how its answer changes with time. That is what lets the engine
compute the next instant at which a subject has to be looked at again.
"""

from __future__ import annotations

import enum
from datetime import date

import msgspec

from alerts.core.conditions import Condition


class Severity(enum.IntEnum):
    """How soon somebody should look. An indication, never a verdict."""

    info = 0
    low = 1
    medium = 2
    high = 3
    critical = 4


class Status(enum.StrEnum):
    draft = "draft"  # not judged
    shadow = "shadow"  # judged and counted, never sent
    active = "active"
    retired = "retired"  # not judged; its alerts end


class Text(msgspec.Struct, frozen=True):
    """A text for people: Indonesian first, English second."""

    id: str
    en: str


class Offset(msgspec.Struct, frozen=True):
    """A signed span: `h` hours, `d` calendar days, `wd` working days."""

    amount: int
    unit: str  # "h" | "d" | "wd"

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


NOW_OFFSET = Offset(0, "d")


class Each(msgspec.Struct, frozen=True):
    """`each: stay in person.stays`: one alert per item of a list of the subject."""

    name: str  # "stay"
    field: str  # "stays"


class Path(msgspec.Struct, frozen=True):
    """A fact by name: `stay.valid_until` is Path("stay", "valid_until")."""

    root: str
    field: str

    def __str__(self) -> str:
        return f"{self.root}.{self.field}"


class Due(msgspec.Struct, frozen=True):
    """The deadline: a date or instant of the register, plus or minus a span. A date counts from 00:00 WIB of that day."""

    fact: Path
    offset: Offset


class Step(msgspec.Struct, frozen=True):
    """One rung of the ladder: from `due + at` on, the alert has this severity and these units are told too."""

    at: Offset
    severity: Severity
    notify: tuple[str, ...] = ()  # "province", or unit ids


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule file. `steps` is never empty: a rule without a ladder has one step at 0d."""

    id: str
    status: Status
    title: Text
    owner: str
    legal_basis: tuple[str, ...]
    review_by: date
    false_positives: tuple[str, ...]
    about: str  # person | employer | lodging | institution | area | feed
    each: Each | None
    when: Condition
    due: Due | None
    steps: tuple[Step, ...]
    keep: Offset | None
    needs: tuple[str, ...]  # kinds of source
    area: Path | None
    facts: tuple[Path, ...]
    inhibits: tuple[str, ...]
    template: str
    fingerprint: str  # of about, each, when, due: the meaning that decides whether open alerts survive an edit
    file: str = ""  # where it was read, for people


class RuleSet(msgspec.Struct, frozen=True):
    """All rules in force. `generation` is a short hash of their files, written on every alert."""

    rules: tuple[Rule, ...]
    generation: str

    def about(self, kind: str) -> tuple[Rule, ...]:
        """The rules judged over subjects of this kind, in id order."""
        return tuple(r for r in self.rules if r.about == kind and r.status in (Status.active, Status.shadow))
