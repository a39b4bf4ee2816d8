"""What must be true when all is quiet, seen from outside: the topics, the database, the carriers, and the programs' own checks."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import msgspec

from alerts.runtime.relay import ALERTS, QUARANTINE, message
from alerts.store.database import Address, connect
from alerts.store.topics import changes_after, refused_after
from tests.cluster.agency import SOURCE, Agency
from tests.cluster.cluster import Cluster
from tests.kafka.reading import EVENTS, held
from tests.process.books import SMALL_DISK


class Figures(msgspec.Struct):
    """What a run was made of."""

    messages: int = 0
    events: int = 0
    duplicates: int = 0
    quarantined: int = 0
    alerts: int = 0
    notices: int = 0
    mails_and_sms: int = 0
    maybe_twice: int = 0
    really_twice: int = 0
    told_again: int = 0


def quiet(it: Cluster) -> None:
    """All that was published is applied, all that is owed handed over, and other systems are told of it."""
    ends = it.ends()
    it.until(
        lambda: it.applied() == {p: end for p, end in ends.items() if end}, "the positions are the partitions' ends"
    )
    it.until(lambda: it.rows("SELECT count(*) FROM notices WHERE state IN ('planned', 'sending')") == [(0,)],
             "every notice owed is handed over")  # fmt: skip
    for topic, table in (
        (ALERTS, "alert_changes c JOIN alerts a ON a.id = c.alert WHERE NOT a.shadow"),
        (QUARANTINE, "quarantine c"),
    ):
        sql = f"SELECT (SELECT value FROM meta WHERE name = 'written to {topic}'), max(c.number)::text FROM {table}"
        it.until(lambda sql=sql: len(set(it.rows(sql)[0])) == 1, f"all is written to {topic}")  # type: ignore[misc]


def check(it: Cluster, agency: Agency) -> Figures:
    figures = Figures()
    every_message_counts_once(it, agency, figures)
    alerts_are_what_the_events_say(it, agency, figures)
    what_is_owed_was_handed_over(it, figures)
    other_systems_know_what_the_database_knows(it, figures)
    register = it.run("rebuild", "--check")
    assert register.returncode == 0, register.stdout[-2000:]
    findings = [json.loads(line) for line in it.run("doctor", "--json").stdout.splitlines()]
    assert [f for f in findings if f["level"] == "wrong" and SMALL_DISK not in f["what"]] == []
    return figures


def every_message_counts_once(it: Cluster, agency: Agency, figures: Figures) -> None:
    """What the publishers were told is confirmed is in the topic; what is there is kept once, a duplicate or in quarantine."""
    values = [record.value or b"" for record in held(it.broker.servers, EVENTS)]
    good = Counter(id for value in values if (id := _good(value)))
    bad = Counter(value for value in values if not _good(value))
    assert set(agency.kept) <= good.keys(), "what is confirmed is in the topic"
    kept = Counter(id for (id,) in it.rows(f"SELECT id FROM events WHERE source = '{SOURCE}'"))
    assert kept == Counter(good.keys()), "each event is kept exactly once"
    refused = Counter(bytes(raw) for (raw,) in it.rows("SELECT raw FROM quarantine"))
    assert refused == bad, "each of the others is in quarantine"
    counters = dict(it.rows("SELECT name, value FROM counters"))
    figures.messages, figures.events, figures.quarantined = len(values), len(kept), bad.total()
    figures.duplicates = good.total() - len(good)
    assert counters == {"received": len(values), "accepted": figures.events, "duplicate": figures.duplicates,
                        "quarantined": figures.quarantined}  # fmt: skip


def _good(value: bytes) -> str:
    """The id of an event that is to be accepted; else nothing."""
    try:
        id = json.loads(value)["id"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return str(id) if id.startswith(("permit-", "extension-")) else ""


def alerts_are_what_the_events_say(it: Cluster, agency: Agency, figures: Figures) -> None:
    sql = "SELECT item FROM alerts WHERE rule = 'stay_expired' AND state IN ('raised', 'acknowledged')"
    standing = Counter(int(item.removeprefix("EP")) for (item,) in it.rows(sql))
    assert standing == Counter(agency.overstayed - agency.explained), "an alert stands of those whom nothing explains"
    ((figures.alerts,),) = it.rows("SELECT count(*) FROM alerts")


def what_is_owed_was_handed_over(it: Cluster, figures: Figures) -> None:
    """Each with the bytes in the books, at least once, and more than once only where the row says so; nothing else was."""
    rows = it.rows("SELECT id, address, payload, maybe_twice FROM notices WHERE state = 'sent'")
    states = {state for (state,) in it.rows("SELECT DISTINCT state FROM notices")}
    assert states <= {"sent", "cancelled"}, "the carriers refused nothing"
    taken = Counter((d.notice, d.address, d.payload) for d in it.carriers.taken)
    assert taken.keys() == {(id, address, bytes(payload)) for id, address, payload, _ in rows}
    twice = {id for id, _, _, twice in rows if twice}
    again = {id for (id, _, _), times in taken.items() if times > 1}
    assert again <= twice, "what was handed over twice is marked"
    figures.notices, figures.mails_and_sms = len(rows), taken.total()
    figures.maybe_twice, figures.really_twice = len(twice), len(again)


def other_systems_know_what_the_database_knows(it: Cluster, figures: Figures) -> None:
    """The topics out hold each row of the database, word for word, in its order, and nothing else; repeated at most."""
    database = connect(Address(it.url), readonly=True)
    for topic, read in ((ALERTS, changes_after), (QUARANTINE, refused_after)):
        rows: list[Any] = [*read(database, 0, 10_000_000)]
        known = {json.loads(value)["id"]: value for value in map(message, rows)}
        told: dict[str, bytes] = {}
        order: dict[str, list[int]] = defaultdict(list)
        for record in held(it.broker.servers, topic):
            id = json.loads(record.value)["id"]
            if id in told:
                figures.told_again += 1
            else:
                order[record.key.decode()].append(int(id.split("-")[-2]))
            told[id] = record.value
        assert told == known
        assert all(numbers == sorted(numbers) for numbers in order.values()), "of one alert in order"
    database.close()
