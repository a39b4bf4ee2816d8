"""What a rule file means, already checked.

`files/` turns YAML into these values; `engine` judges them. Everything here is frozen. A rule has no clock: `when` reads the
register only, while `due`, `steps`, `keep` and `needs` say how its answer changes with time. That is what lets the engine
compute the next instant at which a subject has to be looked at again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from itertools import chain

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
    """A signed span: `h` hours, `d` calendar days, `wd` working days.

    0 working days round: `+ 0wd` to the first working day on or after, `- 0wd` (`back`) to the last one on or before.
    """

    amount: int
    unit: str  # "h" | "d" | "wd"
    back: bool = False  # the sign of 0wd

    def __str__(self) -> str:
        return f"{'-' if self.back else ''}{self.amount}{self.unit}"


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


class Exemption(msgspec.Struct, frozen=True):
    """An exception: until the end of a day (WIB) the rule leaves alone what has one of the values in every fact named."""

    reason: str
    until: date
    where: tuple[tuple[Path, tuple[str | int | bool, ...]], ...]  # dates as ISO text


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
    exceptions: tuple[Exemption, ...] = ()
    override: str = ""  # the file of its local override
    override_reason: str = ""  # why it is otherwise here

    @property
    def meaning(self) -> tuple[object, ...]:
        """All that decides its alerts: of two rules with equal meaning, the same stand."""
        return (
            self.fingerprint,
            self.status,
            self.steps,
            self.keep,
            self.needs,
            self.area,
            self.inhibits,
            self.exceptions,
        )


class RuleSet(msgspec.Struct, frozen=True, dict=True):
    """All rules in force. `generation` is a short hash of their files, written on every alert."""

    rules: tuple[Rule, ...]
    generation: str

    def about(self, kind: str) -> tuple[Rule, ...]:
        """The rules judged over subjects of this kind, in id order."""
        return self._judged.get(kind, ())

    def alike(self, kind: str) -> tuple[tuple[Rule, ...], ...]:
        """The same rules, those together that ask the same of the same list: what holds for one holds for all of them."""
        return self._alike.get(kind, ())

    def reads(self, kind: str) -> frozenset[str]:
        """The facts of a subject of this kind that those rules look at, lists by their name: "area", "stays"."""
        return self._reads.get(kind, frozenset())

    @cached_property
    def by_id(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rules}

    @cached_property
    def _judged(self) -> dict[str, tuple[Rule, ...]]:
        judged: dict[str, tuple[Rule, ...]] = {}
        for rule in self.rules:
            if rule.status in (Status.active, Status.shadow):
                judged[rule.about] = (*judged.get(rule.about, ()), rule)
        return judged

    @cached_property
    def _alike(self) -> dict[str, tuple[tuple[Rule, ...], ...]]:
        alike: dict[str, dict[tuple[Each | None, str], tuple[Rule, ...]]] = {}
        for kind, rules in self._judged.items():
            groups = alike.setdefault(kind, {})
            for rule in rules:
                asked = (rule.each, rule.when.text)
                groups[asked] = (*groups.get(asked, ()), rule)
        return {kind: tuple(groups.values()) for kind, groups in alike.items()}

    @cached_property
    def _reads(self) -> dict[str, frozenset[str]]:
        return {kind: frozenset(chain.from_iterable(map(_reads, rules))) for kind, rules in self._judged.items()}


def _reads(rule: Rule) -> Iterator[str]:
    if rule.each:
        yield rule.each.field
    for name in rule.when.reads:  # "person.in_country", "person.stays[].latest", "stay.latest"
        root, _, rest = name.partition(".")
        if root == rule.about:
            yield rest.partition("[")[0]
    excepted = (path for exception in rule.exceptions for path, _ in exception.where)
    paths = (*rule.facts, *excepted, rule.area, rule.due.fact if rule.due else None)
    yield from (path.field for path in paths if path and path.root == rule.about)
