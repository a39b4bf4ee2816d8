"""What is accepted as an event, and how a refusal explains itself."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.core.events.areas import AreaCodes
from alerts.core.events.catalogue import EVENT_TYPES
from alerts.core.events.envelope import MAX_BATCH_EVENTS, MAX_EVENT_BYTES, Event, decode, read_batch
from alerts.core.events.reasons import MAX_REASONS, Rejection
from alerts.core.events.schemas import json_schemas

EXAMPLES = {path.stem: path.read_bytes() for path in (Path(__file__).parent.parent / "examples").glob("*.json")}
AREAS = AreaCodes(
    names={
        "15": "Jambi",
        **{f"15.0{n}": f"Kab. {n}" for n in range(1, 10)},
        "15.71": "Kota Jambi",
        "15.06.02": "Tungkal Ilir",
        "15.06.07": "Batang Asam",
        "15.02.01": "Jangkat",
    },
    bps={"1506": "15.07", "1507": "15.06"},
)
RECEIVED = datetime(2027, 2, 1, tzinfo=UTC)
PERMIT = "stay_permit.issued.v1"


def example(kind: str = PERMIT, /, **changes: Any) -> dict[str, Any]:
    """An example with some fields of `data` changed; `...` takes a field out."""
    event: dict[str, Any] = json.loads(EXAMPLES[kind])
    event["data"] = {key: value for key, value in {**event["data"], **changes}.items() if value is not ...}
    return event


def judge(event: object, **options: Any) -> Event | Rejection:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    return decode(raw, RECEIVED, AREAS, **options)


def accepted(event: object, **options: Any) -> Event:
    result = judge(event, **options)
    assert isinstance(result, Event), str(result)
    return result


def refused(event: object, **options: Any) -> Rejection:
    result = judge(event, **options)
    assert isinstance(result, Rejection)
    assert all(reason.where and reason.what and reason.write for reason in result.reasons)
    return result


def test_every_type_has_an_example_and_every_example_a_type() -> None:
    assert EXAMPLES.keys() == EVENT_TYPES.keys()


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_the_example_of_a_type_is_accepted_and_keeps_its_schema(kind: str) -> None:
    event = accepted(EXAMPLES[kind])
    assert (event.type, type(event.data)) == (kind, EVENT_TYPES[kind])
    assert event.time.tzinfo is UTC
    schema = json_schemas()[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(EXAMPLES[kind]))


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_a_required_field_that_is_missing_is_named(kind: str) -> None:
    for name, field in EVENT_TYPES[kind].model_fields.items():
        if field.is_required():
            key = field.alias or name
            reasons = refused(example(kind, **{key: ...})).reasons
            assert [(reason.where, reason.what) for reason in reasons] == [(f"data.{key}", "is missing")]


def test_instants_become_utc_and_dates_stay_civil() -> None:
    event = accepted(example("lodging.checked_in.v1", checked_in_at="2026-01-06T00:30:00+07:00"))
    assert event.data.checked_in_at == datetime(2026, 1, 5, 17, 30, tzinfo=UTC)
    assert event.data.checked_in_at.tzinfo is UTC
    assert event.data.expected_out == date(2026, 1, 8)
    assert event.received is RECEIVED


@pytest.mark.parametrize(
    ("attribute", "value", "where"),
    [
        ("specversion", "0.3", "specversion"),
        ("id", "", "id"),
        ("id", "x" * 201, "id"),
        ("id", "a\x00b", "id"),
        ("id", " a", "id"),
        ("id", 7, "id"),
        ("source", "Imigrasi/jambi", "source"),
        ("source", "imigrasi/", "source"),
        ("source", "pengadilan/jambi", "source"),
        ("source", "imigrasi/" + "x" * 200, "source"),
        ("type", "stay_permit.issued.v2", "type"),
        ("type", ["stay_permit.issued.v1"], "type"),
        ("type", None, "type"),
        ("time", "2026-01-12T09:30:00", "time"),  # no offset
        ("time", "2026-01-12", "time"),
        ("time", 1768185000, "time"),
        ("time", "2026-02-30T09:30:00+07:00", "time"),
        ("time", "2026-01-12T09:30:00+25:00", "time"),
        ("time", "0001-01-01T00:00:00+07:00", "time"),
        ("supersedes", "contoh-0003", "supersedes"),  # its own id
        ("data", None, "data"),
        ("data", [], "data"),
    ],
)
def test_a_wrong_attribute_is_refused_by_name(attribute: str, value: object, where: str) -> None:
    assert [reason.where for reason in refused({**example(), attribute: value}).reasons] == [where]


@pytest.mark.parametrize("time", ["2026-01-12T02:30:00Z", "2026-01-12T09:30:00+07:00", "2026-01-12T02:30:00.000-00:00"])
def test_any_offset_is_the_same_instant(time: str) -> None:
    assert accepted({**example(), "time": time}).time == datetime(2026, 1, 12, 2, 30, tzinfo=UTC)


def test_specversion_may_be_left_out_and_other_attributes_are_allowed() -> None:
    event = {**example(), "traceparent": "00-1", "subject": "x", "receivedtime": "nonsense"}
    del event["specversion"]
    accepted(event)


def test_an_unknown_field_of_data_is_not_refused() -> None:
    accepted(example(remarks={"anything": [1, None]}))


def test_an_unknown_type_suggests_the_nearest_and_the_rest_is_still_checked() -> None:
    reasons = refused({**example(), "type": "stay_permit.isued.v1", "time": "yesterday"}).reasons
    assert (reasons[0].where, reasons[0].write) == ("type", "stay_permit.issued.v1")
    assert [reason.where for reason in reasons] == ["type", "time"]


def test_a_time_more_than_a_day_after_receipt_is_refused() -> None:
    accepted({**example(), "time": (RECEIVED + timedelta(hours=24)).isoformat()})
    reasons = refused({**example(), "time": (RECEIVED + timedelta(hours=24, seconds=1)).isoformat()}).reasons
    assert reasons[0].where == "time"


def test_the_recorded_receipt_counts_only_when_asked_for() -> None:
    event = {**example(), "receivedtime": "2026-01-13T07:00:00+07:00"}
    assert accepted(event).received == RECEIVED
    assert accepted(event, recorded=True).received == datetime(2026, 1, 13, tzinfo=UTC)
    late = {**event, "time": "2026-06-01T00:00:00Z"}
    accepted(late)
    assert refused(late, recorded=True).reasons[0].where == "time"
    assert refused({**event, "receivedtime": "today"}, recorded=True).reasons[0].where == "receivedtime"


@pytest.mark.parametrize(
    ("kind", "changes", "where"),
    [
        (PERMIT, {"valid_from": "12-01-2026"}, "data.valid_from"),
        (PERMIT, {"valid_from": "20260112"}, "data.valid_from"),
        (PERMIT, {"valid_from": "2026-01-12T00:00:00+07:00"}, "data.valid_from"),
        (PERMIT, {"valid_from": 1768185000}, "data.valid_from"),
        (PERMIT, {"valid_until": "2026-02-30"}, "data.valid_until"),
        (PERMIT, {"valid_until": "9999-12-31"}, "data.valid_until"),
        (PERMIT, {"valid_until": None}, "data.valid_until"),  # an ITAS has an end
        (PERMIT, {"kind": "itas"}, "data.kind"),
        (PERMIT, {"activity": "spy"}, "data.activity"),
        (PERMIT, {"permit_no": 12345}, "data.permit_no"),
        (PERMIT, {"permit_no": "P\x001"}, "data.permit_no"),
        (PERMIT, {"permit_no": "P" * 21}, "data.permit_no"),
        (PERMIT, {"guarantor_nib": "99.9"}, "data.guarantor_nib"),
        ("arrival.recorded.v1", {"port": "x" * 201}, "data.port"),
        ("arrival.recorded.v1", {"port": ""}, "data.port"),
        ("arrival.recorded.v1", {"port": "\x00"}, "data.port"),
        ("arrival.recorded.v1", {"stay_until": "2026-01-04"}, "data.stay_until"),
        ("lodging.checked_in.v1", {"checked_in_at": "2026-01-05T19:30:00"}, "data.checked_in_at"),
        ("lodging.checked_in.v1", {"lodging_id": "LDG 1"}, "data.lodging_id"),
        ("work_permit.approved.v1", {"posts": []}, "data.posts"),
        ("work_permit.approved.v1", {"posts": [{"code": "1", "count": 1}] * 201}, "data.posts"),
        ("work_permit.approved.v1", {"posts": [{"code": "1", "count": "2"}]}, "data.posts[0].count"),
        ("work_permit.approved.v1", {"posts": [{"code": "1", "count": True}]}, "data.posts[0].count"),
        ("work_permit.approved.v1", {"posts": [{"code": "1", "count": -1}]}, "data.posts[0].count"),
        ("work_permit.approved.v1", {"locations": ["15.06"] * 601}, "data.locations"),
        ("work_permit.approved.v1", {"cross_province": "ya"}, "data.cross_province"),
        ("workplace.inspected.v1", {"workers": [{"person": {"niora": "N1"}}] * 2001}, "data.workers"),
        ("visit.planned.v1", {"persons": [{"niora": "N1"}] * 501}, "data.persons"),
        ("visit.planned.v1", {"from": "2026-05-28"}, "data.until"),
        ("worker.placed.v1", {"end": "2026-01-14"}, "data.end"),
        ("work_permit.ended.v1", {"reason": "x" * 2001}, "data.reason"),
        ("community.reported.v1", {"reporter": "+6281200000601"}, "data.reporter"),
        ("identity.merged.v1", {"subjects": ["person:UTO:X1"]}, "data.subjects"),
        ("identity.merged.v1", {"subjects": ["person:UTO:X1", "employer:1"]}, "data.subjects[1]"),
    ],
)
def test_a_value_beyond_its_limit_is_refused_by_name(kind: str, changes: dict[str, Any], where: str) -> None:
    assert [reason.where for reason in refused(example(kind, **changes)).reasons] == [where]


def test_only_an_itap_may_have_no_end() -> None:
    assert accepted(example(kind="ITAP", valid_until=...)).data.valid_until is None


def test_dates_out_of_order_name_both() -> None:
    reason = refused(example(valid_until="2026-01-11")).reasons[0]
    assert reason.what == "valid_until 2026-01-11 is before valid_from 2026-01-12"


@pytest.mark.parametrize(
    ("block", "identifiers"),
    [
        ({"issuing_state": "uto", "passport_no": "x 12-34"}, ("passport:UTO:X1234",)),
        ({"issuing_state": "D", "passport_no": "C01X0O1I"}, ("passport:D:C01X0O1I",)),  # O and 0, I and 1 stay
        ({"niora": "9c21-je0001"}, ("niora:9C21JE0001",)),
        ({"permit_no": "P1"}, ("permit:P1",)),
        (
            {
                "issuing_state": "UTO",
                "passport_no": "X2",
                "niora": "N1",
                "permit_no": "P1",
                "previous_passport_no": "X1",
            },
            ("passport:UTO:X2", "niora:N1", "permit:P1", "passport:UTO:X1"),
        ),
        ({"full_name": "Contoh", "birth_date": "1980"}, ()),
        ({"full_name": "Contoh", "birth_date": "1980-05"}, ()),
    ],
)
def test_a_person_is_known_by_normalised_numbers(block: dict[str, str], identifiers: tuple[str, ...]) -> None:
    assert accepted(example(person=block)).data.person.identifiers() == identifiers


@pytest.mark.parametrize(
    ("block", "where"),
    [
        ({}, "data.person"),
        ({"issuing_state": "UTO"}, "data.person"),
        ({"birth_date": "1980", "sex": "F"}, "data.person"),
        ({"passport_no": "X1"}, "data.person.issuing_state"),
        ({"niora": "N1", "previous_passport_no": "X1"}, "data.person.issuing_state"),
        ({"issuing_state": "UTOP", "passport_no": "X1"}, "data.person.issuing_state"),
        ({"issuing_state": "UTO", "passport_no": "Xı"}, "data.person.passport_no"),  # would become XI
        ({"issuing_state": "UTO", "passport_no": "X\t1"}, "data.person.passport_no"),
        ({"niora": "- -"}, "data.person.niora"),
        ({"niora": "N1", "birth_date": "17-05-1980"}, "data.person.birth_date"),
        ({"niora": "N1", "full_name": "x" * 201}, "data.person.full_name"),
    ],
)
def test_a_person_block_that_names_nobody_is_refused(block: dict[str, str], where: str) -> None:
    assert [reason.where for reason in refused(example(person=block)).reasons] == [where]


@pytest.mark.parametrize("code", ["15", "15.06", "15.06.02", "15.06.02.1001", "16", "31.71", "96.71.01.1001"])
def test_known_and_outside_areas_are_accepted(code: str) -> None:
    assert accepted(example(area=code)).data.area == code


@pytest.mark.parametrize(
    "code", ["1507", "15.99", "15.06.99", "15.06.99.1001", "15.6", "15.06.02.10", "99", "20.01", "15.0٦", "15.06\n", ""]
)
def test_an_unknown_area_is_refused_with_the_dotted_form(code: str) -> None:
    reason = refused(example(area=code)).reasons[0]
    assert reason.where == "data.area"
    assert 'with dots, such as "15.06"' in reason.write


def test_a_bps_code_is_converted_only_for_sources_that_use_them() -> None:
    assert "BPS 1507 is meant, that is 15.06" in refused(example(area="1507")).reasons[0].write
    assert accepted(example(area="1507"), bps=True).data.area == "15.06"
    locations = example("work_permit.approved.v1", locations=["1506", "1507"])
    assert accepted(locations, bps=True).data.locations == ("15.07", "15.06")
    assert refused(example(area="15.06"), bps=True).reasons[0].where == "data.area"


def test_an_area_is_called_by_its_nearest_listed_name() -> None:
    names = {code: AREAS.name(code) for code in ("15.06.02.1001", "15.06.55", "16.71")}
    assert names == {"15.06.02.1001": "Tungkal Ilir", "15.06.55": "Kab. 6", "16.71": "16.71"}


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "nothing in it"),
        (b"[]", "not a JSON object"),
        (b'"event"', "not a JSON object"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
        ('{"id": "1"}'.encode("utf-16-le"), "UTF-16"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"id": 1, "id": 2}', "a field stands twice in one object, the second at line 1 column"),
        (b'{"data": {"id": 1, "\\u0069d": 2}}', "a field stands twice"),
        (b'{"id": NaN}', "cannot be read as JSON"),
        (b'{"id": -Infinity}', "cannot be read as JSON"),
        (b'{"id": "\\ud800"}', "cannot be read as JSON"),
        (b'{"id": "1"} x', "cannot be read as JSON"),
        (b'{"id":' * 5000, "nested too deep"),
        (b"[" * 60000, "nested too deep"),
        (b"9" * 60000, "cannot be read as JSON"),
        (b" " * (MAX_EVENT_BYTES + 1), "longer than 65536 bytes"),
    ],
)
def test_what_is_no_json_object_is_refused_in_plain_words(raw: bytes, what: str) -> None:
    (reason,) = refused(raw).reasons
    assert reason.where == "event"
    assert what in reason.what


def test_a_refusal_says_everything_at_once_and_which_event_it_was() -> None:
    event = {**example(valid_from="x", area="1507", kind="?"), "time": "now"}
    rejection = refused(event)
    assert (rejection.source, rejection.id) == ("imigrasi/kuala-tungkal", "contoh-0003")
    assert {reason.where for reason in rejection.reasons} == {"time", "data.valid_from", "data.area", "data.kind"}
    assert "data.kind: is not in the closed list; write one of 'visit', 'ITK', 'ITAS' or 'ITAP'" in str(rejection)


def test_a_refusal_is_bounded_and_repeats_no_value() -> None:
    secret = "SECRET-\x07NUMBER"
    workers = [{"person": {"issuing_state": "UTO", "passport_no": secret, "full_name": secret}}] * 500
    rejection = refused(example("workplace.inspected.v1", workers=workers, area=secret, findings=[secret]))
    assert len(rejection.reasons) == MAX_REASONS + 1
    assert "SECRET" not in str(rejection)


def test_a_batch_is_split_without_looking_inside() -> None:
    assert read_batch(b' [{"a": 1} , 7, {"b": [2]}]') == [b'{"a": 1}', b"7", b'{"b": [2]}']
    assert read_batch(b"[]") == []


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1,", b"[" * 100_000, b"\xff", b"[" + b"1," * MAX_BATCH_EVENTS + b"1]"])
def test_what_is_no_batch_is_refused(raw: bytes) -> None:
    assert isinstance(read_batch(raw), Rejection)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["15.06", "X1", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    assert isinstance(decode(raw, RECEIVED, AREAS, recorded=True), Rejection)
    read_batch(raw)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_mutation_of_an_example_makes_it_raise(data: st.DataObject) -> None:
    event = json.loads(EXAMPLES[data.draw(st.sampled_from(sorted(EXAMPLES)))])
    place = event
    while isinstance(place, dict) and place:
        key = data.draw(st.sampled_from(sorted(place)))
        if not isinstance(place[key], dict) or data.draw(st.booleans()):
            place[key] = data.draw(json_values)
            break
        place = place[key]
    assert isinstance(judge(event, recorded=True), Event | Rejection)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(EXAMPLES)), st.integers(0, 2000), st.binary(min_size=1, max_size=3))
def test_no_changed_bytes_of_an_example_make_it_raise(kind: str, at: int, junk: bytes) -> None:
    raw = EXAMPLES[kind]
    at %= len(raw)
    assert isinstance(judge(raw[:at] + junk + raw[at + len(junk) :]), Event | Rejection)
