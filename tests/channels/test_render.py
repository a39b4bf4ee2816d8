"""Letters become messages, whatever templates and values do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels.render import SMS_PARTS_MAX, Templates, subject
from alerts.channels.text import clean, fact, gsm7, sms_parts
from alerts.core.letters import Letter, Line, SmsLine, sms_line
from alerts.core.register.views import KINDS
from alerts.core.rules import Severity, Text

from .conftest import LETTER, LINE, ROOT

ADDRESS = "petugas1@tanjab-barat.example"
SHIPPED = Templates([ROOT / "templates"])
TEMPLATES = (
    ("stay_expiring", "Izin tinggal akan berakhir", "Stay permit about to end", "low"),
    ("stay_expired", "Indikasi izin tinggal berakhir", "Stay permit apparently expired", "high"),
    ("no_location_after_arrival", "Keberadaan belum terlapor", "Whereabouts not reported", "low"),
    ("unregistered_workplace", "Lokasi kerja tidak tercantum", "Workplace not listed", "medium"),
    ("worker_without_rptka", "TKA tanpa pengesahan tercatat", "Worker without a recorded approval", "high"),
    (
        "work_permit_ended_stay_continues",
        "RPTKA berakhir, izin tinggal masih berlaku",
        "Work approval ended, stay permit goes on",
        "medium",
    ),
    (
        "stay_shorter_than_rptka",
        "Masa berlaku ITAS lebih pendek dari RPTKA",
        "Stay permit shorter than the work approval",
        "info",
    ),
    (
        "post_mismatch",
        "Indikasi jabatan tidak sesuai pengesahan",
        "Post apparently not in the approval",
        "medium",
    ),
    ("tka_count_exceeds_approval", "Jumlah TKA melebihi pengesahan", "More foreign workers than approved", "medium"),
    (
        "termination_not_reported",
        "Berakhirnya hubungan kerja belum dilaporkan",
        "End of an employment not yet reported",
        "low",
    ),
    (
        "annual_report_missing",
        "Laporan tahunan TKA belum tercatat",
        "Yearly report on foreign workers not on record",
        "low",
    ),
    (
        "companion_missing",
        "Pendamping TKA belum tercatat",
        "No companion of the foreign worker on record",
        "info",
    ),
    ("rptka_extension_window", "Batas perpanjangan RPTKA", "Time limit for RPTKA extension", "info"),
    ("sktt_missing", "SKTT belum tercatat", "Residence certificate not on record", "low"),
    ("lodging_report_late", "Laporan penginapan terlambat", "Lodging report late", "info"),
    ("foreign_org_permit_expiring", "Izin lembaga asing akan berakhir", "Institution's permit about to end", "medium"),
    ("feed_silent", "Instansi belum mengirim data", "Agency has not sent data", "medium"),
)

Make = Callable[..., Letter]
MakeLine = Callable[..., Line]


def cases(line: MakeLine) -> dict[str, dict[str, object]]:
    """One letter per template, and one per way in which letters differ."""
    single = {
        name: {"lines": (line(rule=name, template=name, title=Text(id_, en), severity=Severity[severity]),)}
        for name, id_, en, severity in TEMPLATES
    }
    several = tuple(
        line(ref=f"JBI-26-00420{n}", change=change, unconfirmed=n == 2)
        for n, change in enumerate(("raised", "stepped", "raised", "withdrawn"))
    )
    return single | {
        "stepped": {"lines": (line(change="stepped", severity=Severity.critical),)},
        "withdrawn": {"lines": (line(change="withdrawn"),)},
        "late and unconfirmed": {"lines": (line(late=True, unconfirmed=True, severity=Severity.medium),)},
        "drill": {"drill": True},
        "no template of its own": {"lines": (line(template="a_local_rule"),)},
        "group": {"lines": several},
        "group of corrections": {"lines": (several[3], several[3])},
        "long group": {"lines": tuple(line(ref=f"JBI-26-{n:06}") for n in range(60))},
    }


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_every_letter_reads_as_reviewed(
    *, channel: str, language: str, shipped: Templates, letter: Make, line: MakeLine, golden: Callable[[str, str], None]
) -> None:
    pages = []
    for name, fields in cases(line).items():
        message = shipped.render(letter(channel=channel, language=language, **fields), ADDRESS)
        assert message.problem == ""
        assert message.fallback == (name == "no template of its own")
        pages.append(f"######## {name}\n{message.subject}\n\n{message.text}\n")
    golden(f"{channel}-{language}.txt", "\n".join(pages))


def test_the_html_of_a_mail_reads_as_reviewed(
    shipped: Templates, letter: Make, golden: Callable[[str, str], None]
) -> None:
    golden("email-id.html", shipped.render(letter(), ADDRESS).html)


def test_shipped_templates_all_parse(shipped: Templates) -> None:
    assert shipped.problems() == ()


@pytest.mark.parametrize("language", ["id", "en"])
def test_every_fact_that_a_rule_can_list_has_a_name_for_people(language: str) -> None:
    labels = (ROOT / "templates" / "email" / language / "_labels.txt.j2").read_text("utf-8")
    structs = {*KINDS.values()}
    for kind in KINDS.values():
        for field in msgspec.structs.fields(kind):
            structs |= {
                t for t in getattr(field.type, "__args__", ()) if isinstance(t, type) and issubclass(t, msgspec.Struct)
            }
    leaves = {f.name for struct in structs for f in msgspec.structs.fields(struct)}
    lists = {f.name for struct in KINDS.values() for f in msgspec.structs.fields(struct) if "list[" in str(f.type)}
    assert {leaf for leaf in leaves - lists if f'"{leaf}":' not in labels} == set()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "[Lapor Dini][TINGGI] JBI-26-004190 - Indikasi izin tinggal berakhir - Kab. Tanjung Jabung Barat"),
        (
            {"language": "en"},
            "[Lapor Dini][HIGH] JBI-26-004190 - Stay permit apparently expired - Kab. Tanjung Jabung Barat",
        ),
        (
            {"drill": True},
            "[Lapor Dini][LATIHAN][TINGGI] JBI-26-004190 - Indikasi izin tinggal berakhir - Kab. Tanjung Jabung Barat",
        ),
    ],
)
def test_the_subject_says_how_soon_and_which_case(fields: dict[str, object], expected: str, letter: Make) -> None:
    assert subject(letter(**fields)) == expected


def test_the_subject_of_a_withdrawal_says_ralat(letter: Make, line: MakeLine) -> None:
    assert subject(letter(lines=(line(change="withdrawn"),))).startswith("[Lapor Dini][RALAT] JBI-26-004190 - ")


BROKEN = {
    "syntax": "{% if %}",
    "undefined name": "{{ line.passport_no }}",
    "undefined variable": "{{ passport }}",
    "division": "{{ 1 / 0 }}",
    "multiplied text": "{{ 'a' * 10**9 }}",
    "power": "{{ 10 ** 10 }}",
    "formatted text": "{{ '%999999999d' % 1 }}",
    "padded text": "{{ 'a'.ljust(10**9) }}",
    "long range": "{% for i in range(1000000000) %}x{% endfor %}",
    "endless output": "{% for i in range(100) %}{% for j in range(100) %}" + "x" * 1000 + "{% endfor %}{% endfor %}",
    "python inside": "{{ ''.__class__.__mro__ }}",
    "recursion": "{% include 'stay_expired.txt.j2' %}",
    "missing include": "{% include 'nowhere.txt.j2' %}",
    "nothing": "{# #}",
    "not text": b"\xff\xfe\x00",
}


def local(folder: Path, channel: str, name: str, content: str | bytes) -> Templates:
    """Templates with one local file before the shipped ones."""
    path = folder / channel / "id" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Templates([folder, ROOT / "templates"])


@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("fault", BROKEN)
def test_a_failing_template_is_reported_and_the_officer_is_told_all_the_same(
    fault: str, channel: str, tmp_path: Path, letter: Make
) -> None:
    message = local(tmp_path, channel, "stay_expired.txt.j2", BROKEN[fault]).render(letter(channel=channel), ADDRESS)
    assert message.fallback
    assert "JBI-26-004190" in message.text
    assert message.problem.startswith(f"{channel}/id/")
    assert ".txt.j2:" in message.problem


@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("count", [1, 2, 60])
def test_without_any_template_the_case_numbers_still_go_out(
    channel: str, count: int, tmp_path: Path, letter: Make, line: MakeLine
) -> None:
    lines = tuple(line(ref=f"JBI-26-{n:06}") for n in range(count))
    message = Templates([tmp_path]).render(letter(channel=channel, lines=lines, drill=True), ADDRESS)
    assert message.fallback
    assert "JBI-26-000000" in message.text
    assert "LATIHAN" in message.text
    assert channel == "email" or len(sms_parts(message.text)) <= SMS_PARTS_MAX


def test_an_error_names_file_and_line_and_quotes_no_fact(tmp_path: Path, letter: Make) -> None:
    templates = local(tmp_path, "email", "stay_expired.txt.j2", "Yth.\n\n{{ line.facts[0].value + 1 }}\n")
    assert templates.render(letter(), ADDRESS).problem == "email/id/stay_expired.txt.j2:3: TypeError"


def test_a_local_template_wins_over_the_shipped_one(tmp_path: Path, letter: Make) -> None:
    message = local(tmp_path, "sms", "stay_expired.txt.j2", "Cek {{ line.ref }}").render(letter(channel="sms"), ADDRESS)
    assert (message.text, message.fallback) == ("Cek JBI-26-004190", False)


def test_problems_lists_every_template_that_cannot_be_parsed(tmp_path: Path) -> None:
    local(tmp_path, "sms", "one.txt.j2", "a\n{% if %}")
    found = local(tmp_path, "email", "two.txt.j2", "{{ ").problems()
    assert [problem.split(" ")[0] for problem in found] == ["email/id/two.txt.j2:1:", "sms/id/one.txt.j2:2:"]


def test_no_sms_template_can_reach_a_fact(tmp_path: Path, letter: Make) -> None:
    assert not {"facts", "legal_basis", "rule"} & set(SmsLine.__struct_fields__)
    everything = "{{ line }} {{ lines }} {{ unit_name }} {{ portal }}"
    text = local(tmp_path, "sms", "stay_expired.txt.j2", everything).render(letter(channel="sms"), ADDRESS).text
    assert "2C21JE0001" not in text


def test_a_mail_holds_the_listed_facts_only_and_in_words(shipped: Templates, letter: Make) -> None:
    text = shipped.render(letter(), ADDRESS).text
    assert "Nomor izin: 2C21JE0001" in text
    assert "Berlaku sampai dengan: 1 Maret 2026" in text


def test_an_sms_drops_whole_cases_and_counts_them(shipped: Templates, letter: Make, line: MakeLine) -> None:
    lines = tuple(line(ref=f"JBI-26-{n:06}") for n in range(9))
    text = shipped.render(letter(channel="sms", lines=lines), ADDRESS).text
    told = re.findall(r"JBI-26-\d{6}", text)
    assert len(sms_parts(text)) == SMS_PARTS_MAX
    assert f"dan {9 - len(told)} lainnya" in text
    assert len(re.findall("JBI", text)) == len(told)


TEXTS = st.text(max_size=400)


@st.composite
def hostile_letters(draw: st.DrawFn) -> Letter:
    title, facts = draw(TEXTS), (("stay.permit_ref", draw(TEXTS)),)
    changed = msgspec.structs.replace(LINE, title=Text(title, title), area_name=draw(TEXTS), facts=facts)
    channel = draw(st.sampled_from(["email", "sms"]))
    return msgspec.structs.replace(
        LETTER, unit_name=draw(TEXTS), lines=(changed,), drill=draw(st.booleans()), channel=channel
    )


@given(raw=hostile_letters())
@settings(deadline=None)
def test_no_value_forges_a_line_turns_the_text_or_costs_a_third_sms(raw: Letter) -> None:
    message = SHIPPED.render(raw, ADDRESS)
    assert "\n" not in message.subject
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", message.text)
    assert message.problem == "" or "SMS parts" in message.problem
    if message.channel == "sms":
        assert gsm7(message.text) == message.text
        assert len(sms_parts(message.text)) <= SMS_PARTS_MAX
        assert "JBI-26-004190" in message.text
    else:
        assert message.text.count("\nTingkat: ") == 1


def test_html_in_a_value_stays_text(shipped: Templates, letter: Make, line: MakeLine) -> None:
    page = shipped.render(letter(lines=(line(area_name="<script>alert(1)</script>"),)), ADDRESS).html
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_portal_address_that_is_no_web_address_becomes_no_link(shipped: Templates, letter: Make) -> None:
    assert "href" not in shipped.render(letter(portal="javascript:alert(1)"), ADDRESS).html


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“Kerinci” – Jl. É…", '"Kerinci" - Jl. É...'),
        ("ő Ş", "o S"),
        ("中文 😀", "?? ?"),
        ("a\r\nb\u202ec", "a bc"),
        ("[x] ~ €5", "[x] ~ €5"),
    ],
)
def test_sms_text_is_brought_into_the_gsm_alphabet(text: str, plain: str) -> None:
    assert gsm7(text) == plain


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2026-03-14", "14 Maret 2026"),
        ("2026-03-14T02:30:00Z", "14 Maret 2026, 09.30 WIB"),
        ("2026-03-13T17:00:00+00:00", "14 Maret 2026"),
        ("true", "ya"),
        ("2026-13-14", "2026-13-14"),
        ("P1", "P1"),
    ],
)
def test_facts_are_said_the_indonesian_way(value: str, words: str) -> None:
    assert fact(value, "id") == words


def test_a_long_value_is_cut() -> None:
    assert len(clean("x" * 10_000)) == 300


def test_a_letter_that_nobody_should_get_cannot_be_made(letter: Make, line: MakeLine) -> None:
    for lines in ((), (line(change="expired"),)):
        with pytest.raises(ValueError, match="a letter tells of raised, stepped, unanswered, withdrawn"):
            letter(lines=lines)


def test_what_remains_of_a_line_for_an_sms_has_no_facts(line: MakeLine) -> None:
    assert "2C21JE0001" not in repr(sms_line(line()))
