"""From bytes to an event or the reasons why it is none.

Bytes are parsed once, by a parser that refuses duplicate keys, NaN, wrong encodings (another reader of the stored event
could otherwise see another event than we judged) and deep nesting. What was parsed is checked by the model of its type.
Nothing here raises, whatever the bytes.
"""

from __future__ import annotations

import difflib
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, TypeVar

import jiter
import msgspec
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from alerts.core.events.areas import AreaCodes
from alerts.core.events.catalogue import EVENT_TYPES
from alerts.core.events.fields import MAX_ID_CHARS, EventId, Instant, Source
from alerts.core.events.reasons import Reason, Rejection, reasons_of

MAX_EVENT_BYTES = 64 * 1024
MAX_BATCH_BYTES = 16 * 1024 * 1024
MAX_BATCH_EVENTS = 10_000
MAX_AHEAD = timedelta(hours=24)  # a clock further ahead than this is wrong

D = TypeVar("D")


class Event(msgspec.Struct, frozen=True):
    """What an agency says happened. `(source, id)` is its identity; both instants are UTC."""

    source: str
    id: str
    type: str
    time: datetime
    received: datetime
    data: Any  # the model of `type` in `catalogue.EVENT_TYPES`
    supersedes: str | None = None  # id of the corrected event of the same source


class Envelope(BaseModel, Generic[D]):
    """A CloudEvent of one type, as it is published. Other attributes of CloudEvents are allowed and not read."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: EventId
    source: Source
    type: str
    time: Instant
    supersedes: EventId | None = None
    data: D


ENVELOPES: dict[str, type[Envelope[Any]]] = {name: Envelope[data] for name, data in EVENT_TYPES.items()}  # type: ignore[valid-type]
_CHECKS = {name: envelope.__pydantic_validator__.validate_python for name, envelope in ENVELOPES.items()}
_ANY_DATA = TypeAdapter(Envelope[object])
_INSTANT = TypeAdapter(Instant)


def decode(
    raw: bytes, received: datetime, areas: AreaCodes, *, recorded: bool = False, bps: bool = False
) -> Event | Rejection:
    """The event in `raw`, or every reason why it is refused. Never raises, whatever the bytes.

    `received` is when we got it (UTC); `recorded` honours the event's own `receivedtime` instead, for replay and tests.
    `bps` is for sources that can only give BPS area codes. A `time` more than `MAX_AHEAD` after receipt is refused.
    """
    parsed = _parse(raw)
    if isinstance(parsed, Rejection):
        return parsed
    reasons: list[Reason] = []
    if recorded and "receivedtime" in parsed:
        try:
            received = _INSTANT.validate_python(parsed["receivedtime"])
        except ValidationError as error:
            reasons += (msgspec.structs.replace(reason, where="receivedtime") for reason in reasons_of(error))
    kind = parsed.get("type")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    try:
        if check is None:
            reasons.append(_unknown_type(kind))
            _ANY_DATA.validate_python(parsed)
            return _rejected(parsed, reasons)
        found = check(parsed, context=(areas, bps))
    except ValidationError as error:
        known = (reason for reason in reasons_of(error) if check is not None or reason.where != "type")
        return _rejected(parsed, [*reasons, *known])
    if found.time - received > MAX_AHEAD:
        reasons.append(Reason("time", "is more than 24 hours after its receipt", "when it happened; check the clock"))
    claims = found.data.complete_until if kind == "feed.heartbeat.v1" else None
    if claims and not recorded and claims - received > MAX_AHEAD:  # it would end all waiting for this source
        reasons.append(Reason("data.complete_until", "is in the future", "up to when everything has been published"))
    if found.supersedes == found.id:
        reasons.append(Reason("supersedes", "is the event's own id", "the id of the event that this one corrects"))
    if reasons:
        return _rejected(parsed, reasons)
    return Event(found.source, found.id, found.type, found.time, received, found.data, found.supersedes)


def read_batch(raw: bytes) -> list[bytes] | Rejection:
    """The raw JSON of each element of a JSON array, in order; whether they are events is for `decode`. Never raises."""
    if len(raw) > MAX_BATCH_BYTES:
        return _refused("batch", f"is longer than {MAX_BATCH_BYTES} bytes", "a smaller batch")
    try:
        elements = _BATCH.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _refused("batch", "is not a JSON array", "events as [{...}, {...}]")
    if len(elements) > MAX_BATCH_EVENTS:
        return _refused("batch", f"has more than {MAX_BATCH_EVENTS} events", "a smaller batch")
    return [bytes(element) for element in elements]


_BATCH = msgspec.json.Decoder(list[msgspec.Raw])


def _parse(raw: bytes) -> dict[str, Any] | Rejection:
    if len(raw) > MAX_EVENT_BYTES:
        return _refused("event", f"is longer than {MAX_EVENT_BYTES} bytes", "one event with less text")
    try:
        parsed = jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        return _refused("event", f"cannot be read as JSON: {_spoken(raw, error)}", "one JSON object in UTF-8")
    if not isinstance(parsed, dict):
        return _refused("event", "is not a JSON object", "a CloudEvent as {...}; several only as a batch")
    return parsed


def _spoken(raw: bytes, error: ValueError) -> str:
    """The parser's words without any text of the event: a duplicate key is named by its place."""
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        return f"byte {wrong.start} is not UTF-8"
    if raw.startswith(b"\xef\xbb\xbf") or b"\x00" in raw:
        return "it has a byte order mark or NUL bytes, as UTF-16 has"
    words = str(error)
    if words.startswith("Detected duplicate key"):
        return f"a field stands twice in one object, the second {words[words.rfind(' at ') + 1 :]}"
    if words.startswith("recursion limit"):
        return "lists and objects are nested too deep"
    return words if raw.strip() else "there is nothing in it"


def _unknown_type(kind: object) -> Reason:
    near = difflib.get_close_matches(kind[:100], EVENT_TYPES, n=1) if isinstance(kind, str) else []
    return Reason("type", "is missing" if kind is None else "is not in the catalogue", near[0] if near else _TYPES)


_TYPES = f"one of {', '.join(EVENT_TYPES)}"


def _refused(where: str, what: str, write: str) -> Rejection:
    return Rejection((Reason(where, what, write),))


def _rejected(parsed: dict[str, Any], reasons: list[Reason]) -> Rejection:
    """With source and id, where they are fit to be shown."""
    source, id = (_showable(parsed.get(name)) for name in ("source", "id"))
    return Rejection(tuple(reasons), source, id)


def _showable(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARS and value.isprintable() else None
