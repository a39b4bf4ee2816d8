"""Handing notices to carriers, and writing down what became of them.

The promise (design 9): a notice is worded once and kept with its bytes; `sending` is committed before the carrier is spoken to; the
result is committed after. So a crash leaves at most the notices in `sending` in doubt, and those are offered again with the same
identity and bytes and marked `maybe_twice`, unless the carrier can be asked what became of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from alerts.channels import Channel, Inquirer, Never, Outcome, Sent, TryLater, Unknown
from alerts.channels.email import compose
from alerts.channels.matters import word
from alerts.channels.render import Templates
from alerts.core.admins import Matter
from alerts.core.letters import Letter, Line, Message, case_number
from alerts.core.plan import ADMIN, after_quiet
from alerts.core.policy import Policy
from alerts.core.rules import Severity, Text
from alerts.runtime.at_store import AtStore
from alerts.runtime.settle import Decided
from alerts.store.book import AlertRow, Handoff, StoredBook
from alerts.store.errors import STORE_ERRORS

AT_ONCE = 8  # hand-offs of one channel under way together
ASKED_FOR = timedelta(hours=72)  # a carrier that can be asked is asked this long what became of what it took

log = logging.getLogger("lapor-dini")


class Sender(msgspec.Struct, frozen=True):
    """Who the mails are from."""

    address: str
    domain: str


class Dispatcher:
    """One round of a channel at a time. Whatever touches the store is given to `at_store`, which turns use too; no carrier is
    spoken to inside. An outcome that the store cannot take is kept here and written down before anything else is handed over."""

    def __init__(
        self,
        book: StoredBook,
        at_store: AtStore,
        carriers: Mapping[str, Channel],
        templates: Templates,
        sender: Sender,
    ) -> None:
        self._book, self._at_store, self._carriers = book, at_store, carriers
        self._templates, self._sender = templates, sender
        self._under_way = set[str]()  # being handed over, or known and not written down yet
        self._outcomes: dict[str, tuple[Handoff, Outcome]] = {}  # known, and not written down yet

    async def recover(self, now: datetime) -> None:
        """After a start: settle what was being handed over when the process ended."""
        await self._settle_in_doubt(await self._at_store(self._book.in_doubt), now)

    async def keep(self, now: datetime) -> None:
        """Renew the lease of what is being handed over, and settle what other processes left behind."""
        while True:
            await self._at_store(self._book.renew, frozenset(self._under_way))
            left = await self._at_store(self._book.take_over, AT_ONCE)
            if not left:
                return
            await self._settle_in_doubt(left, now)

    async def _settle_in_doubt(self, in_doubt: Sequence[tuple[str, str, int]], now: datetime) -> None:
        for first in range(0, len(in_doubt), AT_ONCE):
            await asyncio.gather(*(self._settle_one(*doubt, now) for doubt in in_doubt[first : first + AT_ONCE]))

    async def _settle_one(self, id: str, channel: str, attempt: int, now: datetime) -> None:
        outcome = await self._status(id, channel)
        if isinstance(outcome, Sent):
            await self._at_store(partial(self._book.sent, id, outcome.reference, attempt=attempt))
        else:
            why = "the process ended inside the hand-off"
            await self._at_store(partial(self._book.again, id, now, why, in_doubt=True, attempt=attempt))

    async def round(self, decided: Decided, now: datetime, channel: str | None = None) -> int:
        """Hand over the notices (of one channel) that are due, at most `AT_ONCE`; how many there were.

        Raises what STORE_ERRORS names when the store cannot record it; what is known then is written down by the next round.
        """
        due, ready = await self._at_store(self._claim, decided, now, channel)
        await asyncio.gather(*(self._hand_over(handoff, payload, decided.policy, now) for handoff, payload in ready))
        if self._outcomes:  # those that could not be written at once
            await self._at_store(self._write_outcomes, decided.policy, now)
        return due

    def _claim(self, decided: Decided, now: datetime, channel: str | None) -> tuple[int, list[tuple[Handoff, bytes]]]:
        """How many were due, and those that are begun."""
        self._write_outcomes(decided.policy, now)
        with self._book.claiming(channel):
            due = self._book.due(now, AT_ONCE, channel)
            ready = self._begin_all(due, decided, now)
        self._under_way |= {handoff.notice.id for handoff, _ in ready}
        return len(due), ready

    async def next_due(self, channel: str) -> datetime | None:
        """When the next notice of the channel is to be handed over."""
        return await self._at_store(self._book.next_due, channel)

    async def ask(self, policy: Policy, now: datetime) -> None:
        """Ask what became of notices that carriers took: what they gave up is offered again or has failed."""
        for handoff in await self._at_store(self._book.to_ask, now):
            id, attempt = handoff.notice.id, handoff.attempts
            outcome = await self._status(id, handoff.notice.channel)
            if isinstance(outcome, Sent):
                await self._at_store(partial(self._book.sent, id, outcome.reference, attempt=attempt))
            elif isinstance(outcome, TryLater | Never):
                await self._at_store(self._settle, handoff, outcome, policy, now)

    async def _status(self, id: str, channel: str) -> Outcome | None:
        """What the carrier says of an earlier hand-off; None where it cannot be asked."""
        carrier = self._carriers.get(channel)
        return await carrier.status(id) if isinstance(carrier, Inquirer) else None

    def _begin_all(self, due: Sequence[Handoff], decided: Decided, now: datetime) -> list[tuple[Handoff, bytes]]:
        """Those that are ready to be handed over. When the store fails in between, they are the ones begun before: nobody else
        would hand them over."""
        ready: list[tuple[Handoff, bytes]] = []
        try:
            for handoff in due:
                if (at := self._not_before(handoff, decided.policy, now)) > now:
                    self._book.again(handoff.notice.id, at, "waits by the limits of SMS", in_doubt=False)
                    continue
                payload = self._begin(handoff, decided, now)
                if payload is not None:
                    ready.append((msgspec.structs.replace(handoff, attempts=handoff.attempts + 1), payload))
        except STORE_ERRORS as error:
            if not ready:
                raise
            log.error("the store cannot record hand-offs: %s", error)
        return ready

    def _not_before(self, handoff: Handoff, policy: Policy, now: datetime) -> datetime:
        """The plan keeps SMS to the quiet hours and the limit per hour; one that is late, by a retry or an outage, may have come
        into them. What may have been lost is repeated without counting it again."""
        notice, hour, limit = handoff.notice, timedelta(hours=1), policy.sms_per_officer_per_hour
        if notice.channel != "sms" or any(line.severity >= policy.sms_quiet_below for line in notice.lines):
            return now
        at = after_quiet(now, policy)
        handed = () if handoff.maybe_twice else self._book.handed_sms(notice.officer, now - hour)
        return at if len(handed) < limit else max(at, handed[-limit] + hour)

    def _begin(self, handoff: Handoff, decided: Decided, now: datetime) -> bytes | None:
        """Word the notice if that has not been done, and commit that it is being handed over. A notice that cannot be worded at
        all (an address that is none) has failed, and the books say so."""
        notice, payload, subject, problem = handoff.notice, handoff.payload, handoff.subject, handoff.problem
        if payload is None:
            try:
                message = self._worded(handoff, decided)
                subject, problem = message.subject, message.problem
                payload = message.text.encode()
                if notice.channel == "email":
                    payload = compose(message, self._sender.address, self._sender.domain, now)
            except (ValueError, LookupError) as error:
                self._book.failed(notice.id, f"could not be worded: {error}")
                return None
        self._book.begin(notice.id, now, payload, subject, problem)
        return payload

    def _worded(self, handoff: Handoff, decided: Decided) -> Message:
        notice = handoff.notice
        if notice.kind == ADMIN:
            return word(msgspec.json.decode(notice.matter, type=Matter), notice, decided.policy.portal)
        letter = make_letter(handoff, self._book.alert_rows([line.alert for line in notice.lines]), decided)
        return self._templates.render(letter, notice.address)

    async def _hand_over(self, handoff: Handoff, payload: bytes, policy: Policy, now: datetime) -> None:
        notice = handoff.notice
        carrier = self._carriers.get(notice.channel)
        outcome: Outcome = Never(f"no carrier for channel {notice.channel}")
        if carrier is not None:
            try:
                outcome = await carrier.send(notice.address, notice.id, payload)
            except Exception as error:  # a carrier that breaks its promise costs no notice
                outcome = Unknown(f"{type(error).__name__}: {error}")
        self._outcomes[notice.id] = (handoff, outcome)
        with contextlib.suppress(*STORE_ERRORS):  # the round tries once more, then says so
            await self._at_store(self._write_outcomes, policy, now)

    def _write_outcomes(self, policy: Policy, now: datetime) -> None:
        for id, (handoff, outcome) in list(self._outcomes.items()):
            self._settle(handoff, outcome, policy, now)
            del self._outcomes[id]
            self._under_way.discard(id)

    def _settle(self, handoff: Handoff, outcome: Outcome, policy: Policy, now: datetime) -> None:
        """`handoff` as it is while, or after, it was handed over."""
        id, attempt, carrier = handoff.notice.id, handoff.attempts, self._carriers.get(handoff.notice.channel)
        match outcome:
            case Sent(reference):
                self._book.sent(id, reference, now + ASKED_FOR if isinstance(carrier, Inquirer) else None, attempt)
            case Never(why):
                self._book.failed(id, why, attempt)
            case TryLater(why) | Unknown(why):
                at = retry_at(handoff, outcome, policy, now)
                if at is None:
                    self._book.failed(id, f"given up after {policy.give_up_after_hours} hours: {why}", attempt)
                else:
                    self._book.again(id, at, why, in_doubt=isinstance(outcome, Unknown), attempt=attempt)


def retry_at(handoff: Handoff, outcome: TryLater | Unknown, policy: Policy, now: datetime) -> datetime | None:
    """When to offer the notice again after so many attempts: as the policy says, not before the carrier wants it; None to give
    up."""
    waits = policy.retry_after_minutes
    at = now + timedelta(minutes=waits[min(handoff.attempts, len(waits)) - 1])
    if isinstance(outcome, TryLater):
        at = max(at, now + timedelta(seconds=outcome.after_s))
    first = handoff.first_handed_at or now
    return at if at - first <= timedelta(hours=policy.give_up_after_hours) else None


def make_letter(handoff: Handoff, rows: Mapping[str, AlertRow], decided: Decided) -> Letter:
    """The notice as the templates see it: only what each alert's rule lists, under its case number."""
    notice, settled = handoff.notice, decided.settled
    rules = {rule.id: rule for rule in settled.rules.rules}
    lines = []
    for line in notice.lines:
        row = rows[line.alert]
        rule = rules.get(row.rule)
        listed = {str(path) for path in rule.facts} if rule else set[str]()
        areas = [decided.areas.name(code) for code in row.area.split(", ") if code]
        lines.append(
            Line(
                ref=case_number(decided.policy.case_prefix, row.raised_at, row.number),
                rule=row.rule,
                template=rule.template if rule else row.rule,
                title=rule.title if rule else Text(row.rule, row.rule),
                change=line.change,
                severity=Severity(line.severity),
                area_name=", ".join(areas) or settled.units.by_id.get(row.unit, settled.units.province).name,
                raised_at=row.raised_at,
                due=row.due,
                facts=tuple((name, value) for name, value in row.facts.items() if name in listed),
                legal_basis=rule.legal_basis if rule else (),
                late=row.late,
                rule_generation=row.generation,
            )
        )
    unit = settled.units.by_id.get(notice.unit, settled.units.province)
    return Letter(
        notice=notice.id,
        channel=notice.channel,
        language=notice.language,
        unit_name=unit.name,
        lines=tuple(lines),
        portal=decided.policy.portal,
    )
