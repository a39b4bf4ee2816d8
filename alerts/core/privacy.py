"""What no log line may hold: the persons of events and the addresses of officers, cut out of any text.

Two nets. While events are worked on, everything they say is known, and each of their values is cut out of every line wherever it
stands (`values_in`, `without`): a name has no form that could tell it from other words. At all times, what has the form of a
number of a person, a telephone or an address is cut out (`without_forms`), and so is what foreign programs put in quotes
(`without_quoted`), for that is where they repeat what they were given.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import msgspec

from alerts.core.events.fields import normalised

CUT = "***"

_ENVELOPE = (
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "supersedes",
    "receivedtime",
    "datacontenttype",
    "dataschema",
)
_ANY_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LEAST_PART = 3  # shorter values are cut out only where they stand as a word

_FORMS = re.compile(
    r"\b(?P<key>person|passport|niora|permit):[^\s,;'\")\]}]+"  # subjects and identifiers as we write them
    r"|[^\s@<>\"]+@[\w.-]+"  # addresses
    r"|(?<![\w+.])(?!\d{4}-\d\d-\d\d)\+?\d[\d() -]{7,}\d(?![\w:.])"  # telephones and all long numbers, but no dates
    r"|(?<![\w/.-])(?=[A-Z0-9/]*[A-Z])(?=(?:[A-Z/]*\d){3})[A-Z0-9/]{6,20}(?![\w/])"  # numbers as documents have them
)
_QUOTED = re.compile(r"""(?<!\w)'(?:[^'\\\n]|\\.)*'(?!\w)|"(?:[^"\\\n]|\\.)*\"""")
_RAISED = re.compile(r"\b([A-Z]\w*(?:Error|Exception|Warning|Interrupt|Exit))\(.*\)")


def values_in(raw: bytes) -> frozenset[str]:
    """Everything that an event says, in every spelling that a program may give it; of bytes that are no event, all text in
    quotes. The envelope is left out: it says which event it is, and not of whom."""
    try:
        parsed = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        text = raw.decode("utf-8", "replace")
        return _spellings({text, *_ANY_TEXT.findall(text)})
    said = {k: v for k, v in parsed.items() if k not in _ENVELOPE} if isinstance(parsed, dict) else parsed
    return _spellings(_leaves(said))


def _leaves(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case bool() | None:
                pass
            case int() | float() as number:
                yield from [str(number)] if abs(number) > 999 else []  # a count of four tells nobody
            case dict() as fields:
                waiting += fields.values()
            case list() as items:
                waiting += items


def _spellings(texts: Iterable[str]) -> frozenset[str]:
    """As it stands, without spaces and hyphens (numbers), and as `repr` and JSON write it."""
    found = set[str]()
    for text in texts:
        escaped = (repr(text)[1:-1], ascii(text)[1:-1], msgspec.json.encode(text).decode("utf-8", "replace")[1:-1])
        found |= {text, text.strip(), normalised(text), *escaped}
    return frozenset(found - {""})


def without(text: str, values: Collection[str]) -> str:
    """The text with these values cut out, the longest first."""
    found = [value for value in values if value in text]
    for value in sorted(found, key=lambda value: (-len(value), value)):
        part = re.escape(value)
        text = re.sub(part if len(value) >= _LEAST_PART else rf"(?<!\w){part}(?!\w)", CUT, text)
    return text


def without_forms(text: str) -> str:
    """The text without what has the form of a person's key or number, a telephone or an address."""
    return _FORMS.sub(lambda found: f"{found['key']}:{CUT}" if found["key"] else CUT, text)


def without_quoted(text: str) -> str:
    """The text of a foreign program without what it quotes, and without what errors in it say."""
    return _QUOTED.sub(CUT, _RAISED.sub(rf"\1({CUT})", text))
