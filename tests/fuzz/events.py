"""Claims about events from anybody: decoding, batches, and the books of intake. Each is a function of a seed."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from alerts.core.events.envelope import MAX_BATCH_BYTES, MAX_EVENT_BYTES, Event, decode, read_batch
from alerts.core.events.reasons import MAX_REASONS, Reason, Rejection
from alerts.core.memory import MemoryRegister
from alerts.core.register.subject import decode as decode_subject
from alerts.core.register.subject import encode as encode_subject
from alerts.core.turn import turn
from alerts.runtime.intake import kept_event, read_event
from alerts.runtime.settle import Decided
from tests.fuzz import hostile
from tests.fuzz.hostile import BIG, CANARY
from tests.runtime.office import NOW, ROOT, Office, decisions, statuses

EXAMPLES = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "tests" / "examples").glob("*.json"))}
# What names a person or could: here it is a canary, in the form that the field asks for.
PERSONAL = (
    "full_name", "passport_no", "previous_passport_no", "niora", "permit_no", "note", "letter_ref", "text_ref", "name",
    "employer_name", "partner", "reporter", "rptka_no", "visa_index", "port", "purpose",
)  # fmt: skip
ANSWERS = ("accepted", "duplicate", "quarantined")


@cache
def decided() -> Decided:
    return decisions(ROOT / "rules")


def valid_event(rng: random.Random) -> dict[str, Any]:
    """An example of the catalogue about somebody whose every mark is a canary."""
    event = json.loads(EXAMPLES[rng.choice(sorted(EXAMPLES))])
    event["id"] = f"e{rng.randrange(4)}"
    _mark(event["data"], rng.choice("123"))
    return event


def _mark(value: Any, who: str) -> None:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        if key in PERSONAL and isinstance(inner, str):
            value[key] = CANARY + who
        _mark(inner, who)


def hostile_event(rng: random.Random) -> bytes:
    """A valid event spoilt as JSON, as text, or as bytes; now and then one that is nothing but huge or deep."""
    event = valid_event(rng)
    form = rng.randrange(12)
    if form == 0:
        return blown_up(rng, event)
    if form < 7:
        event = hostile.twisted(rng, event) if form < 5 else _extreme(rng, event)
        return written(rng, event)
    return hostile.mangled(rng, json.dumps(event), list(EXAMPLES.values()))


def written(rng: random.Random, value: Any) -> bytes:
    """As JSON, lone surrogates as escapes or as bytes that are no UTF-8."""
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _extreme(rng: random.Random, event: Any) -> Any:
    """Dates at the ends of what is allowed, in the fields that hold dates."""
    days = ("1900-01-01", "2199-12-31", "2026-02-28", "2028-02-29", "2041-01-01", "2014-12-31")
    for key, value in event["data"].items():
        if isinstance(value, str) and value[:2] == "20" and len(value) >= 10:
            event["data"][key] = rng.choice(days) + value[10:]
    return event


def blown_up(rng: random.Random, event: Any) -> bytes:
    """Deep, long or wide beyond sense; about as large as one event may be, or far larger."""
    size = rng.choice([MAX_EVENT_BYTES - 2000, 100_000, BIG])
    match rng.randrange(7):
        case 0:
            return rng.choice([b"[", b'{"a":', b'{"data":[', b'{"supersedes":{"a":']) * min(size // 18, 100_000)
        case 1:
            return (
                json.dumps(event | {"deep": 0})
                .encode()
                .replace(b'"deep": 0', b'"deep": ' + b"[" * 30_000 + b"]" * 30_000)
            )
        case 2:
            return json.dumps(event | {rng.choice(sorted(event)): "A" * size}).encode()
        case 3:
            return json.dumps(event | {"data": {f"k{n}": n for n in range(size // 16)}}).encode()
        case 4:
            return json.dumps(event | {"extra": "9" * size}).encode().replace(b'"999', b"999").replace(b'999"', b"999")
        case 5:
            return b" " * size + json.dumps(event).encode()
        case _:
            event["data"]["areas"] = event["data"]["workers"] = event["data"]["persons"] = ["\x00"] * (size // 12)
            return json.dumps(event).encode()


def decoding(seed: int) -> None:
    """Any bytes are an event that can be kept, or are refused with reasons that are short, say where, and name nobody."""
    rng = random.Random(seed)
    raw, recorded, bps = hostile_event(rng), rng.random() < 0.2, rng.random() < 0.1
    answer = decode(raw, NOW, decided().areas, recorded=recorded, bps=bps)
    if isinstance(answer, Rejection):
        refused_in_words(answer.reasons)
        shown = f"{answer.source} {answer.id}"
        assert shown.isprintable() and len(shown) <= 401, "source or id is not fit to be shown"
    else:
        kept_as_it_is(raw, answer)


def refused_in_words(reasons: tuple[Reason, ...]) -> None:
    assert 0 < len(reasons) <= MAX_REASONS + 5
    for reason in reasons:
        assert reason.where and reason.what and reason.write
        assert len(str(reason)) < 2500 and len(reason.where) < 200 and str(reason).isprintable(), reason
    assert CANARY not in str(reasons), "a refusal repeats a person's data"


def kept_as_it_is(raw: bytes, event: Event) -> None:
    assert len(raw) <= MAX_EVENT_BYTES
    again = kept_event(decided)(raw, event.received, event.source)
    assert again == event, "what was accepted is read back as something else"


def batching(seed: int) -> None:
    """Any body is as many elements as it has, each word for word, or is refused."""
    rng = random.Random(seed)
    events = [
        hostile_event(rng) if rng.random() < 0.3 else written(rng, valid_event(rng)) for _ in range(rng.randrange(6))
    ]
    raw = rng.choice([b"[", b"[", b"[", b" [\n", b"", b"[["]) + rng.choice([b",", b",", b", ", b",,"]).join(events)
    raw = hostile.broken(rng, raw + rng.choice([b"]", b"]", b"]", b"", b"]]", b"]\x00", b",]"]))
    found = read_batch(raw)
    if isinstance(found, Rejection):
        refused_in_words(found.reasons)
        return
    assert len(raw) <= MAX_BATCH_BYTES
    assert all(element in raw for element in found), "an element was not sent like this"
    assert len(found) == _length(raw, len(found)), "elements are missing"


def _length(raw: bytes, otherwise: int) -> int:
    """How many elements another parser sees, where it can read the text at all."""
    try:
        return len(json.loads(raw))
    except (ValueError, RecursionError):
        return otherwise


def books(seed: int) -> None:
    """Whatever comes in is accepted, a duplicate or quarantined, is counted once, and can be read back as it was."""
    rng = random.Random(seed)
    group = [
        hostile_event(rng) if rng.random() < 0.6 else written(rng, _extreme(rng, valid_event(rng))) for _ in range(8)
    ]
    group += rng.sample(group, 3)
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder) / "lapor-dini.sqlite", decided())
        try:
            answers = [answer for part in (group[:5], group[5:]) for answer in office.accept(*part)]
            counted(office, answers, len(group))
            _read_back(office, group)
        finally:
            office.store.close()


def counted(office: Office, answers: list[Any], received: int) -> None:
    assert len(answers) == received
    found = {name: statuses(answers).count(name) for name in ANSWERS}
    assert office.counters() == {"received": received} | found, "the books do not balance"
    told = str([answer.reasons for answer in answers if answer.reasons])
    assert CANARY not in told, "a refusal repeats a person's data"
    assert "the defect is ours" not in told, told


def _read_back(office: Office, group: list[bytes]) -> None:
    sent = [read_event(raw, NOW, decided()) for raw in group]
    first: dict[tuple[str, str], Event] = {}
    for event in sent:
        if isinstance(event, Event):
            first.setdefault((event.source, event.id), event)
    numbers = dict(office.store.register.known(list(first)))
    for ref, number in numbers.items():
        for kept in office.store.register.events([number]).values():
            assert msgspec.structs.replace(kept, supersedes=None) == msgspec.structs.replace(
                first[ref], supersedes=None
            )


def judging(seed: int) -> None:
    """What decode accepts can be judged, now and a year later, and what is believed then survives being stored."""
    rng = random.Random(seed)
    raws = [written(rng, _extreme(rng, valid_event(rng))) for _ in range(4)] + [hostile_event(rng) for _ in range(8)]
    read = [(read_event(raw, NOW, decided()), raw) for raw in raws]
    batch = [(event, raw) for event, raw in read if isinstance(event, Event)]
    register = MemoryRegister()
    register.apply(turn(register, batch, decided().settled, NOW))
    register.apply(turn(register, [], decided().settled, NOW + timedelta(days=365)))
    for saved in register.stored.values():
        subject = saved.subject
        assert decode_subject(subject.kind, encode_subject(subject)) == subject, (
            "the register is stored as something else"
        )


CLAIMS: tuple[Callable[[int], None], ...] = (decoding, batching, books, judging)
