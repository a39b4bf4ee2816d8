"""Hostile inputs: valid ones taken apart and put together wrongly, and texts that have broken programs before.

Everything is drawn from one `random.Random`, so that a seed is an input.
"""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

CANARY = "QZX7QZ"  # stands for a person's data in every input; no refusal may repeat it

TEXTS = (
    "", " ", "\x00", "\x07", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u200b", "\u202e", "\u2066", "\ufeff", "\ufffe",
    "\ud800", "\udfff\ud800", "\U0001f600", "\U000e0001", "é", "e\u0301" * 50, "ﬃ", "İ", "ı", "ß", "１５", "٣", "'",
    '"', "\\", "\\u0000", "\r", "\r\n", "\t", "<script>", "&#0;", "'; DROP TABLE events; --", "../../etc/passwd",
    "{{", "{%", "%s", "%n", "{0}", "{what}", "$(id)", "-1", "0", "1e999", "-0", "NaN", "9" * 30, "0x10", "1_0", "007",
    "2026-02-30", "1900-01-01", "2199-12-31", "9999-12-31", "0000-00-00", "2026-01-01T24:00:00+07:00", "null", "true",
    "1900-01-01T00:00:00+23:59", "2199-12-31T23:59:59.999999999-23:59", "2026-12-31T23:59:60Z", "15.06", "15", "1507",
)  # fmt: skip
BYTES = (
    b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xfe\xff", b"\x00", b"\r", b"\x80",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, -(2**63), 2**64, 1e300, [], {}, [[]], [None], {"": {}},
)  # fmt: skip
BIG = 10_000_000  # bytes of a blow-up

Edit = Callable[[random.Random, list[str], Sequence[str]], None]


def text(rng: random.Random) -> str:
    """A hostile text, sometimes a long one or several."""
    found = rng.choice(TEXTS)
    if rng.random() < 0.1:
        return found + rng.choice(TEXTS)
    return found * rng.choice([50, 300, 3000]) if rng.random() < 0.05 else found


def mangled(rng: random.Random, source: str, others: Sequence[str], edits: int = 4) -> bytes:
    """A text with some tokens deleted, doubled, swapped, replaced or taken from another text; sometimes broken bytes, too."""
    tokens = re.findall(r"\w+|\s+|.", source, re.DOTALL) or [""]
    for _ in range(rng.randint(1, edits)):
        rng.choice(_EDITS)(rng, tokens, others)
    return broken(rng, "".join(tokens).encode("utf-8", "surrogatepass"))


def broken(rng: random.Random, raw: bytes) -> bytes:
    """Mostly the bytes as they are; else with flipped bits, bytes that are no UTF-8, other line ends, or a part missing."""
    place = rng.randint(0, len(raw))
    match rng.randrange(20):
        case 0 if raw:
            flipped = bytearray(raw)
            flipped[place - 1] ^= 1 << rng.randrange(8)
            return bytes(flipped)
        case 1:
            return raw[:place] + rng.choice(BYTES) + raw[place:]
        case 2:
            return raw.replace(b"\n", rng.choice([b"\r", b"\r\n", b"\n\n", b"\xc2\x85", b"\xe2\x80\xa8"]))
        case 3:
            return raw[:place]
        case 4:
            return b"\xef\xbb\xbf" + raw if rng.random() < 0.5 else raw.decode("utf-8", "replace").encode("utf-16")
    return raw


def _delete(rng: random.Random, tokens: list[str], _: Sequence[str]) -> None:
    start = rng.randrange(len(tokens))
    del tokens[start : start + rng.choice([1, 1, 2, 8])]
    if not tokens:
        tokens.append("")


def _double(rng: random.Random, tokens: list[str], _: Sequence[str]) -> None:
    start = rng.randrange(len(tokens))
    part = tokens[start : start + rng.choice([1, 2, 8, 40])]
    tokens[start:start] = part * rng.choice([1, 1, 1, 2, 60])


def _swap(rng: random.Random, tokens: list[str], _: Sequence[str]) -> None:
    one, two = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    tokens[one], tokens[two] = tokens[two], tokens[one]


def _splice(rng: random.Random, tokens: list[str], others: Sequence[str]) -> None:
    other = re.findall(r"\w+|\s+|.", rng.choice(others), re.DOTALL)
    start = rng.randrange(max(1, len(other)))
    place = rng.randrange(len(tokens))
    tokens[place : place + rng.choice([0, 1, 4])] = other[start : start + rng.choice([1, 3, 10, 60])]
    if not tokens:
        tokens.append("")


def _replace(rng: random.Random, tokens: list[str], _: Sequence[str]) -> None:
    words = [place for place, token in enumerate(tokens) if token[:1].isalnum()] or [0]
    tokens[rng.choice(words)] = text(rng)


def _insert(rng: random.Random, tokens: list[str], _: Sequence[str]) -> None:
    tokens.insert(rng.randrange(len(tokens)), text(rng))


_EDITS: tuple[Edit, ...] = (_delete, _double, _swap, _splice, _replace, _replace, _insert)


def twisted(rng: random.Random, value: Any, edits: int = 3) -> Any:
    """A JSON value with some of its parts replaced, dropped, renamed, nested or swapped. Changes the value."""
    top = [value]
    for _ in range(rng.randint(1, edits)):
        places = list(_places(top))
        holder, key = rng.choice(places)
        match rng.randrange(8):
            case 0:
                holder[key] = copy.deepcopy(rng.choice(VALUES))
            case 1 | 2 | 3:
                holder[key] = text(rng)
            case 4 if isinstance(holder, dict):
                del holder[key]
            case 5 if isinstance(holder, dict):
                holder[rng.choice([text(rng), key.upper(), f" {key}"])] = holder.pop(key)
            case 6:
                holder[key] = [holder[key]] * rng.choice([1, 2, 40])
            case _:
                other, there = rng.choice(places)
                holder[key] = copy.deepcopy(other[there])  # a copy, or a value could come to hold itself
    return top[0]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder of a value, with the key or place that it has there."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _places(inner)
