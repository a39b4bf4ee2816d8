"""Every line takes one way, as JSON or for people, and nobody is named in any: not by us, not by a library, not by an error."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.core.privacy import CUT, without_forms
from alerts.core.turn import turn
from alerts.runtime import intake
from alerts.runtime.logs import handler, log, working_on
from alerts.runtime.settings import read_settings
from tests.runtime.office import Office, permit

LIBRARIES = ("uvicorn.error", "faust", "aiokafka.consumer.fetcher", "kafka.conn", "asyncio", "py.warnings")


@contextmanager
def lines(as_json: bool = True) -> Iterator[Callable[[], str]]:
    """What is written meanwhile by anybody in this process."""
    stream, root = io.StringIO(), logging.getLogger()
    others, root.handlers = root.handlers, [handler(stream, json=as_json)]
    try:
        yield stream.getvalue
    finally:
        root.handlers = others


# A person as hypothesis makes one, in an event ------------------------------------------------------------------------

TEXT = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]), min_size=1, max_size=40
)
PERSON = st.fixed_dictionaries(
    {"issuing_state": st.just("UTO"), "passport_no": st.from_regex("[A-Z0-9/]{2,20}", fullmatch=True)},
    optional={
        "niora": st.from_regex("[A-Z0-9/]{2,20}", fullmatch=True),
        "permit_no": st.from_regex("[A-Z0-9/]{2,20}", fullmatch=True),
        "full_name": TEXT,
        "birth_date": st.dates().map(str),
        "phone": st.from_regex(r"\+62 ?8[0-9]{2}[- ]?[0-9]{4}[- ]?[0-9]{3,5}", fullmatch=True),
        "email": st.emails(),
    },
)  # fmt: skip


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def caused(text: str) -> Exception:
    """One error because of another, both saying it."""
    try:
        try:
            int(text + "x")
        except ValueError as error:
            raise KeyError(text, error) from error
    except KeyError as error:
        return error


def everything_that_can_be_said(person: dict[str, Any], raw: bytes) -> None:
    """By us and by libraries: the event, its parts, errors about them, in every way in which programs log."""
    library = logging.getLogger("faust")
    for text in person.values():
        log.error("about %s", text)
        log.error("failed", exc_info=caused(text))
        log.error(f"in words: {text}, and {text!r}")
        library.error("Crashed reason=%r", ValueError(text))
        library.error("key %(key)s", {"key": text})
        library.warning("value %s", text)
    for thing in (person, raw, [person], memoryview(raw)):
        library.error("Message %r, %s", thing, thing)
        log.error("thing %s", thing)
    library.error(f"Message {raw!r} {person!r} {json.dumps(person)}")
    library.error("wrongly formatted %d %s", "words")
    library.error(person)


@pytest.mark.parametrize("as_json", [True, False])
@settings(deadline=None)
@given(person=PERSON, id=st.uuids().map(str))
def test_a_person_of_an_event_that_is_worked_on_is_in_no_line(as_json: bool, person: dict[str, Any], id: str) -> None:
    raw = json.dumps({"id": id, "source": "imigrasi/jambi", "data": {"person": person}}).encode()
    nobody = dict.fromkeys(person, "\x01")
    with lines(as_json) as written, working_on([(b"{}", None)]):
        everything_that_can_be_said(nobody, b"\x01")
        fixed = written()
    with lines(as_json) as written, working_on([(raw, None)]):
        everything_that_can_be_said(person, raw)
        seen = written()
    assert seen.count("\n") >= fixed.count("\n") > 0
    fixed, seen = WRITTEN_AT.sub("", fixed), WRITTEN_AT.sub("", seen)
    for text in {*person.values()} - {"UTO"}:
        assert text in fixed or text not in seen  # a name may be a word of the line itself, such as `failed`


WRITTEN_AT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?")


@settings(deadline=None)
@given(person=PERSON)
def test_what_libraries_say_later_of_an_event_is_cut_out_too(person: dict[str, Any]) -> None:
    """Nothing is being worked on: a library's own thread. What it quotes, and errors in its words, are cut out."""
    library = logging.getLogger("aiokafka")
    raw = json.dumps(person).encode()
    with lines() as written:
        library.error("Message %r", raw)
        library.error("failed: %r", ValueError(person))
        library.error(f"Task exception was never retrieved exception={ValueError(str(person))!r}")
        library.error("failed", exc_info=caused(str(person)))
        library.error(f"{person!r} and {json.dumps(person)}")
        seen = list(map(json.loads, written().splitlines()))
    told = "".join(line["message"] + line.get("error", "") for line in seen)
    for text in {*person.values()} - {"UTO"}:
        assert len(text) < 4 or text not in told  # shorter ones are in other words


@settings(deadline=None)
@given(
    number=st.from_regex(r"[A-Z]{1,2}[0-9]{6,9}|[0-9][A-Z][0-9]{2}[A-Z]{2}[0-9]{4}", fullmatch=True),
    phone=st.from_regex(r"\+62 ?8[0-9]{2}[- ]?[0-9]{4}[- ]?[0-9]{4}|08[0-9]{8,11}", fullmatch=True),
    email=st.emails(),
    key=st.from_regex("(person:[A-Z]{3}|passport:[A-Z]{3}|niora|permit):[A-Z0-9/]{2,20}", fullmatch=True),
)
def test_what_has_the_form_of_a_number_or_an_address_is_cut_out_of_any_words(
    number: str, phone: str, email: str, key: str
) -> None:
    text = without_forms(f"refused {number}; call {phone}, mail <{email}> about {key}.")
    assert not any(secret in text for secret in (number, phone, key, email))
    assert text.startswith(f"refused {CUT}; call {CUT}, mail <")


@pytest.mark.parametrize(
    "words",
    [
        "the store cannot commit, nothing was accepted: disk I/O error",
        "rules/orang-asing/stay_expired.yaml:12:3 review_by 2026-01-01 has passed; write a later day",
        "the guard holds the notices of rule stay_expired: 25 alerts within an hour (median 3)",
        "lapor-dini: http://127.0.0.1:8080/  (data in var, rules in rules)",
        "rule set d4f04ee8ba is in force since 2026-03-02T08:00:00+07:00",
    ],
)
def test_words_of_ours_stay_as_they_are(words: str) -> None:
    assert without_forms(words) == words


# The way of a line ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_line_of_a_library_is_a_json_object_like_ours(name: str) -> None:
    with lines() as written:
        logging.getLogger(name).warning("rebalancing %s after %d s", "lapor-dini", 3)
        log.error("cannot commit: %s", OSError(28, "No space left on device"))
    theirs, ours = map(json.loads, written().splitlines())
    assert theirs["message"] == "rebalancing lapor-dini after 3 s"
    assert (theirs["logger"], theirs["level"]) == (name, "warning")
    assert ours["message"] == "cannot commit: OSError: [Errno 28] No space left on device"
    assert theirs.keys() == ours.keys() == {"timestamp", "level", "logger", "message"}


def test_an_error_is_told_by_kind_and_place_with_its_cause() -> None:
    with lines() as written:
        log.error("judging failed", exc_info=caused("Contoh"))
    error = json.loads(written())["error"]
    assert error.startswith("KeyError at runtime/test_logs.py:")
    assert "; because of ValueError at runtime/test_logs.py:" in error
    assert "Contoh" not in error


async def test_what_asyncio_and_warnings_say_takes_the_same_way() -> None:
    logging.captureWarnings(True)
    try:
        with lines() as written:
            context = {"message": "Task exception was never retrieved", "exception": raised(ValueError("X1234567"))}
            asyncio.get_running_loop().call_exception_handler(context)
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn("odd passport X1234567", stacklevel=1)
    finally:
        logging.captureWarnings(False)
    for line in map(json.loads, written().splitlines()):
        assert "X1234567" not in json.dumps(line)


def test_every_line_about_an_event_has_its_id(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(register: Any, batch: Any, *given: Any) -> Any:  # a defect of ours, planted, that quotes a passport
        if any(event.id == "p7" for event, _ in batch):
            raise ValueError(batch)
        return turn(register, batch, *given)

    monkeypatch.setattr(intake, "turn", broken)
    with lines() as written:
        office.accept(permit(7), permit(8), permit(9, valid_from="soon"))
    told = [json.loads(line) for line in written().splitlines()]
    assert "X7" not in written() and "X9" not in written()
    by_event = {id: [t["message"] for t in told if t.get("event_id") == id] for id in ("p7", "p9", None)}
    failed, told_why = by_event["p7"]
    assert failed == "judging 1 events failed"
    assert told_why.startswith("an event was quarantined: event: could not be judged (ValueError); the defect is ours")
    assert [message.partition(":")[0] for message in by_event["p9"]] == ["an event was quarantined"]
    assert {message.split()[0] for message in by_event[None]} == {"judging"}
    assert all(t["source"] == "imigrasi/kuala-tungkal" for t in told if "event_id" in t)


def test_a_flood_of_refused_events_is_a_few_lines(office: Office) -> None:
    with lines() as written:
        office.accept(*[permit(n, valid_from="soon") for n in range(500)])
    assert [json.loads(line)["message"] for line in written().splitlines()][intake.REFUSED_TOLD :] == [
        f"and {500 - intake.REFUSED_TOLD} more of the same turn were quarantined"
    ]


def test_the_kind_of_lines_is_a_setting() -> None:
    assert read_settings({}).log == "text"
    assert read_settings({"LAPOR_LOG": "json"}).log == "json"
