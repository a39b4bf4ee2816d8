"""What must hold, by name. Safety is looked at after every step; what is owed, when faults have stopped and the days have passed.

    standing  register and alerts equal a refold of the kept events; what stands is what the oracle says, which shares no code
    told      the last word that each officer who is owed one got about an alert is the right one (see `model.owed`); what did
              not arrive has failed, with a reason
    handed    no message twice without a doubt about the first; the same identity has the same bytes and is marked
    received  received = accepted + duplicate + quarantined; what was answered as accepted is on disk
    facts     no message and no log has a fact that the rule does not list
    shadow    a shadow rule tells nobody, only who is owed a word is told; a broken file leaves the last good set in force
    quiet     SMS keep the quiet hours and the limit per hour, unless critical
    held      nobody is told of a rule that is held
    answered  an alert that nobody acknowledges in time is told to the unit above, and no other is
    waiting   nothing is left that should have been judged or handed over

The log (same seed, same bytes) is compared by the tests. Retention is not promised yet: events and messages are kept for ever,
so there is no horizon to look behind.
"""

from __future__ import annotations

import quopri
import re
from collections import Counter
from datetime import datetime, timedelta

import apsw

from alerts.core.calendar import WIB
from alerts.core.rules import Severity, Status
from alerts.runtime.rebuild import differences, refold
from alerts.store.database import from_us
from tests.oracle.oracle import RULES, Key, Verdict
from tests.simulation.answers import Answer, Hold, Log, answer
from tests.simulation.edits import decisions
from tests.simulation.kept import SAME_MEANING, should_stand
from tests.simulation.lives import SECRET, SECRET_YEAR
from tests.simulation.model import PROVINCE, Delivery, Model, owed
from tests.simulation.station import Station
from tests.simulation.world import HOUR, World

PLANTED = re.compile(rf"{SECRET}|\b{SECRET_YEAR}\b|[AB]77700\d\d|\b88800\d\d\b|\bUTO\b|\b[Ss]ex\b|[Kk]elamin")
GIVEN_UP_AFTER = timedelta(hours=72 - 4)  # the last retry that would be too late lies at most so far before
SOURCES_LAG = timedelta(
    days=3
)  # by then every source has told what it had: `lateness` in rules/feeds.yaml, and the notice
STANDS = ("raised", "acknowledged")
LONGEST_WAIT = timedelta(days=4)  # of a planned notice: the digest, quiet hours, or three days of retries


class Broken(AssertionError):
    """An invariant does not hold."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name}: {what}")
        self.name = name


def holds(name: str, condition: bool, what: str) -> None:
    if not condition:
        raise Broken(name, what)


class Invariants:
    """Looks at one station through its database, and at what carriers and agencies know."""

    def __init__(self, world: World, model: Model, station: Station) -> None:
        self._world, self._model, self._station = world, model, station
        self._checked = 0  # deliveries
        self._sms: dict[str, list[Delivery]] = {}
        self._stood: dict[datetime, dict[Key, Verdict]] = {}

    def rows(self, sql: str, *values: object) -> list[tuple]:
        """Of the database, also while nobody has it open."""
        if self._station.up:
            return list(self._station.store.connection.execute(sql, values))
        connection = apsw.Connection(str(self._station.path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return list(connection.execute(sql, values))
        finally:
            connection.close()

    # As the run goes ----------------------------------------------------------------------------------------------------

    def after_step(self) -> None:
        if self._station.begun:
            self._look_at_plans()
        for delivery in self._model.deliveries[self._checked :]:
            self._look_at(delivery)
        self._checked = len(self._model.deliveries)

    def after_crash(self) -> None:
        """Before the next process does anything: what was being handed over is in doubt, what was accepted is there."""
        for (id,) in self.rows("SELECT id FROM notices WHERE state = 'sending'"):
            self._model.doubts[id] += 1
        self._kept()

    def _look_at_plans(self) -> None:
        in_force = decisions(self._model.in_force)
        right = self._station.decided is in_force or self._station.unread()
        holds("shadow", right, f"{self._model.in_force} is not in force any more")
        rules = {rule.id: rule for rule in self._station.decided.settled.rules.rules}
        alerts = self.rows("SELECT id, rule, area, due, changed_at, continues FROM alerts")
        known = {id: row for id, *row in alerts}
        held = {rule for (rule,) in self.rows("SELECT rule FROM holds WHERE ended_at IS NULL")}
        sql = (
            "SELECT n.id, l.alert, n.unit, n.officer, l.change FROM notices n JOIN notice_lines l ON l.notice = n.id"
            " WHERE n.kind = 'alert'"
        )
        for notice, alert, unit, officer, said in self.rows(sql):
            if (notice, alert) in self._model.lines:
                continue
            self._model.lines.add((notice, alert))
            rule, area, due, changed, before = known[alert]
            if (notice, before) in self._model.lines:
                continue  # planned before the subject was renamed
            holds("held", rule not in held, f"{officer or unit} is to be told of {rule}, which is held")
            active = rule in rules and rules[rule].status is Status.active
            holds("shadow", active, f"{officer or unit} is to be told of {rule}, which is not active")
            above = said == "unanswered" and self._answer(alert).above
            may = {PROVINCE} if above else owed(rule, area, from_us(due), from_us(changed)) | self._above(alert)
            holds("shadow", unit in may, f"{unit} is to be told of an alert in {area or 'no area'}")

    def _answer(self, alert: str) -> Answer:
        sql = "SELECT at, change, severity, unit, reason FROM alert_changes WHERE alert = ? ORDER BY number"
        holds = "SELECT since, ended_at FROM holds WHERE rule = (SELECT rule FROM alerts WHERE id = ?)"
        return answer((Log(*row) for row in self.rows(sql, alert)), [Hold(*row) for row in self.rows(holds, alert)])

    def _above(self, alert: str) -> set[str]:
        return {PROVINCE} if self._answer(alert).above else set()

    def _answered(self) -> None:
        """Whoever waits in vain for an answer is told to the unit above, then and not before."""
        last = self._station.store.register.last_turn()
        assert last
        for id, state in self.rows("SELECT id, state FROM alerts WHERE NOT shadow AND continues IS NULL"):
            said = self._answer(id)
            holds("answered", not said.too_early, f"the unit above was told of {id} without need")
            late = state in STANDS and said.by is not None and said.by <= last
            holds("answered", not late, f"nobody has acknowledged {id} by {said.by}")
            if said.above:
                self._world.mark("answered: nobody")

    def _look_at(self, delivery: Delivery) -> None:
        text = readable(delivery)
        leak = PLANTED.search(text)
        holds("facts", leak is None, f"notice {delivery.notice} says {leak and leak[0]!r}")
        if delivery.channel == "sms":
            self._look_at_sms(delivery)

    def _look_at_sms(self, delivery: Delivery) -> None:
        ((worst,),) = self.rows("SELECT max(severity) FROM notice_lines WHERE notice = ?", delivery.notice)
        policy = self._station.decided.policy
        before = self._sms.setdefault(delivery.address, [])
        again = any(d.notice == delivery.notice for d in before) or self._model.doubts[delivery.notice]
        hour = [d for d in before if d.at > delivery.at - HOUR and not again]  # what may be lost is repeated at once
        if not again:
            before.append(delivery)
        if worst is None or worst >= Severity.critical:  # no line any more: the alert was renamed onto another's
            return
        clock = delivery.at.astimezone(WIB).time()
        quiet = clock >= policy.sms_quiet_from or clock < policy.sms_quiet_until
        holds("quiet", not quiet, f"SMS {delivery.notice} of severity {worst} went at {clock}")
        limit = policy.sms_per_officer_per_hour
        holds("quiet", len(hour) < limit, f"SMS {delivery.notice} is one too many within the hour")

    def standing(self) -> None:
        """Where nothing waits to be judged."""
        if not self._station.begun or self._station.store.register.due(self._station.clock(), 1):
            return
        fresh, _ = refold(self._station.store, self._station.decided, lambda done, total: None)
        found = list(differences(self._station.store, fresh))
        holds("standing", not found, f"{found}")
        last = self._station.store.register.last_turn()
        if last and last <= self._station.clock() == self._world.now:  # the oracle knows one clock only
            self._stood[self._world.now] = self._stands()

    def _stands(self) -> dict[Key, Verdict]:
        sql = "SELECT rule, subject, item, severity, unit FROM alerts WHERE state IN ('raised', 'acknowledged')"
        return {
            (rule, who, item): (Severity(severity).name, unit)
            for rule, who, item, severity, unit in self.rows(sql)
            if rule in RULES  # the others the oracle does not know
        }

    def _agrees(self) -> None:
        """With the oracle, whenever it was looked; in every other seed, since the oracle is slow."""
        if self._world.seed % 2 or not self._model.edits <= SAME_MEANING:
            return
        self._world.mark("oracle: asked")
        alerts = {id: key for id, *key in self.rows("SELECT id, rule, subject, item FROM alerts")}
        answers = should_stand(self.rows("SELECT raw, received FROM events"), alerts, self._stood)
        for (at, engine), oracle in zip(sorted(self._stood.items()), answers, strict=True):
            differ = {key: (engine.get(key), oracle.get(key)) for key in engine.keys() | oracle.keys()}
            differ = {key: words for key, words in differ.items() if words[0] != words[1] and key[0] in RULES}
            for _ in oracle:
                self._world.mark("oracle: agreed on an alert")
            holds("standing", not differ, f"{at}: engine and oracle say {dict(sorted(differ.items()))}")

    # When faults have stopped -------------------------------------------------------------------------------------------

    def at_the_end(self, unanswered: list[str]) -> None:
        """`unanswered`: agencies that still have something to hand in."""
        holds("shadow", not self._station.unread(), "an edit has not been read for days")
        holds("received", not unanswered, f"{unanswered} have not been answered for days")
        self.standing()
        self._agrees()
        self._waiting()
        self._received()
        self._kept()
        self._handed()
        self._told()
        self._answered()
        self._said_nothing()

    def _waiting(self) -> None:
        register, book, now = self._station.store.register, self._station.store.book, self._station.clock()
        holds("waiting", not register.due(now, 1), "a subject is due and not judged")
        late = [h.notice.id for h in book.due(now, 1)]
        holds("waiting", not late, f"notices {late} are due and not handed over")
        old = self.rows("SELECT id, state, created_at FROM notices WHERE state IN ('planned', 'sending')")
        for id, state, created in old:
            holds("waiting", state == "planned", f"notice {id} is still being handed over")
            holds("waiting", now - from_us(created) < LONGEST_WAIT, f"notice {id} has waited since {from_us(created)}")

    def _received(self) -> None:
        counts = dict(self.rows("SELECT name, value FROM counters"))
        parts = counts["accepted"] + counts["duplicate"] + counts["quarantined"]
        holds("received", counts["received"] == parts, f"{counts}")
        for name in ("accepted", "duplicate", "quarantined"):
            least = self._model.answers[name]
            most = least + self._model.unanswered
            holds("received", least <= counts[name] <= most, f"{least} were answered {name}, at most {most}: {counts}")
        ((kept,),) = self.rows("SELECT count(*) FROM events")
        holds("received", kept == counts["accepted"], f"{kept} events are kept: {counts}")
        ours = self.rows("SELECT reason FROM quarantine WHERE reason LIKE '%defect is ours%'")
        holds("received", not ours, f"{ours}")

    def _kept(self) -> None:
        kept = set(self.rows("SELECT source, id FROM events"))
        lost = [ref for ref in self._model.accepted if ref not in kept]
        holds("received", not lost, f"answered as accepted, but lost: {lost}")

    def _handed(self) -> None:
        times = Counter(delivery.notice for delivery in self._model.deliveries)
        bytes_of: dict[str, bytes] = {}
        for delivery in self._model.deliveries:
            same = bytes_of.setdefault(delivery.notice, delivery.payload) == delivery.payload
            holds("handed", same, f"notice {delivery.notice} has gone out in different words")
        marked = {id for (id,) in self.rows("SELECT id FROM notices WHERE maybe_twice")}
        for notice, count in times.items():
            doubts = self._model.doubts[notice]
            holds("handed", count - 1 <= doubts, f"notice {notice} went {count} times with {doubts} doubts")
            holds("handed", count == 1 or notice in marked, f"notice {notice} went {count} times and is not marked")

    def _told(self) -> None:
        """By alert, officer and channel: the last word that arrived."""
        words: dict[tuple[str, str, str], str] = {}
        arrived = {d.notice: place for place, d in enumerate(self._model.deliveries)}
        lines = self.rows("SELECT l.alert, n.officer, n.channel, n.kind, n.id, n.state, n.reason FROM notice_lines l"
                          " JOIN notices n ON n.id = l.notice ORDER BY n.created_at, n.id")  # fmt: skip
        excused: set[tuple[str, str, str]] = set()  # pending, or failed with a good reason
        for alert, officer, channel, _, id, state, reason in lines:
            if state == "failed":
                holds("told", self._may_fail(id, reason), f"notice {id} has failed without need: {reason!r}")
            if state in ("failed", "planned"):
                excused.add((alert, officer, channel))
        for alert, officer, channel, kind, id, *_ in sorted(lines, key=lambda row: arrived.get(row[4], -1)):
            if id in arrived:
                words[alert, officer, channel] = kind
        standing: dict[str, str] = {}
        held = {id for (id,) in self.rows("SELECT alert FROM held_alerts WHERE NOT dropped")}
        for id, state, rule, area, due, severity in self.rows(
            "SELECT id, state, rule, area, due, severity FROM alerts WHERE NOT shadow"
        ):
            standing[id] = state
            owes = state in STANDS and id not in held and not self._answer(id).dropped
            units = owed(rule, area, from_us(due), self._model.clock - SOURCES_LAG) if owes else set()
            for to in self._to_tell(units, severity):
                wrong = words.get((id, *to)) != "alert" and (id, *to) not in excused
                holds("told", not wrong, f"{to} heard {words.get((id, *to))} last of {id} ({rule}), which is {state}")
        for to, word in words.items():
            wrong = word == "alert" and standing.get(to[0]) == "withdrawn" and to not in excused
            holds("told", not wrong, f"{to} heard {word} last of what was withdrawn")

    def _to_tell(self, units: set[str], severity: int) -> list[tuple[str, str]]:
        decided = self._station.decided
        channels = decided.policy.manners[Severity(severity)].channels
        officers = [o for unit in sorted(units) for o in decided.settled.units.by_id[unit].officers]
        return [(o.id, channel) for o in officers for channel in channels if channel in o.receives]

    def _may_fail(self, id: str, reason: str) -> bool:
        since = self._model.first_offered.get(id)
        gave_up = reason.startswith("given up") and since and self._model.clock - since > GIVEN_UP_AFTER
        return id in self._model.refused or bool(gave_up)

    def _said_nothing(self) -> None:
        for sentence in self._world.logged:
            leak = re.search(f"{SECRET}|{SECRET_YEAR}", sentence)
            holds("facts", leak is None, f"the log says {sentence!r}")
        listed = {(rule.id, str(path)) for rule in self._station.decided.settled.rules.rules for path in rule.facts}
        unlisted = set(self.rows("SELECT rule, key FROM alerts, json_each(facts)")) - listed
        holds("facts", not unlisted, f"{unlisted} are facts that the rule does not list")


def readable(delivery: Delivery) -> str:
    """All that a reader of the message can see; mails are quoted-printable."""
    return (quopri.decodestring(delivery.payload) if delivery.channel == "email" else delivery.payload).decode()
