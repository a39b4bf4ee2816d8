"""The delivery promise, checked from outside: what the agency was answered, what the carriers have, and what the books say."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
from ruamel.yaml import YAML

from tests.e2e.service import Service, until
from tests.process.carriers import Carriers, Delivery
from tests.process.publisher import Publisher

SMALL_DISK = "MB free for"  # a disk that a test can fill is too small to be right

InDoubt = Mapping[int, set[str]]  # notices inside a hand-off when a life of the service ended, by life


def rows(database: Path, sql: str) -> list[Any]:
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(10_000)
    try:
        return list(connection.execute(sql))
    finally:
        connection.close()


def left_in_hand_off(service: Service, copy: Path) -> set[str]:
    """The notices that the service was handing over when it was killed. Looks at a copy: whoever opens the database mends it."""
    if not service.database.exists():
        return set()
    shutil.copytree(service.data, copy)
    database = copy / service.database.name
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    begun = rows(database, "SELECT 1 FROM sqlite_schema WHERE name = 'notices'")
    found = rows(database, "SELECT id FROM notices WHERE state = 'sending'") if begun else []
    shutil.rmtree(copy)
    return {id for (id,) in found}


def heals(service: Service) -> None:
    """Nothing is pending any more."""
    pending = "SELECT count(*) FROM notices WHERE state IN ('planned', 'sending')"
    until(lambda: rows(service.database, pending) == [(0,)], "every notice owed is handed over", log=service.log)


def check(service: Service, carriers: Carriers, publisher: Publisher, in_doubt: InDoubt) -> None:
    """All of it, once the service has healed: also that received = accepted + duplicate + quarantined, and that owed = sent +
    pending + failed, which are findings of `doctor`."""
    assert service.run("rebuild", "--check").returncode == 0, "what was accepted was judged"
    findings = [json.loads(line) for line in service.run("doctor", "--json").stdout.splitlines()]
    assert [f for f in findings if f["level"] == "wrong" and SMALL_DISK not in f["what"]] == []
    kept_is_what_was_answered(service, publisher)
    owed_is_what_carriers_have(service, carriers, in_doubt)
    repeated_only_what_was_in_doubt(carriers.taken, in_doubt)
    everybody_was_told(service, carriers)


def kept_is_what_was_answered(service: Service, publisher: Publisher) -> None:
    assert {id for (id,) in rows(service.database, "SELECT id FROM events")} == publisher.answered
    listed = service.run("alerts", "--json", "--rule", "stay_expired").stdout.splitlines()
    standing = {int(json.loads(line)["item"].removeprefix("EP")) for line in listed}
    assert standing == publisher.overstaying, "an alert stands of those, and only of those, whom nothing explains"


def owed_is_what_carriers_have(service: Service, carriers: Carriers, in_doubt: InDoubt) -> None:
    """Sent is what was taken, with the bytes in the books; `mungkin ganda` is what was in doubt, no more and no less."""
    notices = rows(service.database, "SELECT id, address, payload, state, maybe_twice FROM notices")
    assert {state for _, _, _, state, _ in notices} <= {"sent", "cancelled"}, "nobody refused anything"
    sent = {(id, address, payload) for id, address, payload, state, _ in notices if state == "sent"}
    assert {(d.notice, d.address, d.payload) for d in carriers.taken} == sent
    assert {id for id, _, _, _, twice in notices if twice} == set().union(*in_doubt.values())


def repeated_only_what_was_in_doubt(taken: Sequence[Delivery], in_doubt: InDoubt) -> None:
    """Once in each life at most, and once more only if the life before ended inside that hand-off."""
    lives: dict[str, list[int]] = defaultdict(list)
    for delivery in taken:
        lives[delivery.notice].append(delivery.life)
    for notice, seen in lives.items():
        assert len(set(seen)) == len(seen), f"{notice} twice in one life"
        for life in sorted(seen)[:-1]:
            assert notice in in_doubt.get(life, ()), f"{notice} again, and life {life} had recorded it"


def everybody_was_told(service: Service, carriers: Carriers) -> None:
    """Each officer of the responsible unit has each alert on each of the channels, and its ralat where it was withdrawn."""
    told: dict[str, set[tuple[str, str]]] = {"alert": set(), "ralat": set()}  # kind -> (address, alert)
    taken = {delivery.notice for delivery in carriers.taken}
    sql = "SELECT n.id, n.kind, n.address, l.alert FROM notices n JOIN notice_lines l ON l.notice = n.id"
    for notice, kind, address, alert in rows(service.database, sql):
        if notice in taken:
            told[kind].add((address, alert))
    addresses = _addresses(service)
    alerts = rows(service.database, "SELECT id, unit, state FROM alerts WHERE NOT shadow")
    owed = {(address, id) for id, unit, state in alerts for address in addresses[unit] if state == "raised"}
    assert owed <= told["alert"]
    withdrawn = {id for id, _, state in alerts if state == "withdrawn"}
    assert {(address, id) for address, id in told["alert"] if id in withdrawn} == told["ralat"]


def _addresses(service: Service) -> dict[str, list[str]]:
    units = YAML(typ="safe").load(service.rules / "units.yaml")["units"]
    return {u["id"]: [o[channel] for o in u["officers"] for channel in o["receives"]] for u in units}
