"""The reviewed data that ships, and what an admin is told when their own is wrong."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from pathlib import Path

import msgspec
import pytest

from alerts.core.calendar import MissingYear
from alerts.core.policy import Manner, Policy
from alerts.core.rules import Offset, Severity
from alerts.files.setup import PROVINCE_ALONE, Setup, load_setup

SHIPPED = Path(__file__).parents[2] / "rules"
REGENCIES = {
    "15.01": "kerinci",
    "15.02": "merangin",
    "15.03": "sarolangun",
    "15.04": "batang-hari",
    "15.05": "muaro-jambi",
    "15.06": "tanjab-barat",
    "15.07": "tanjab-timur",
    "15.08": "bungo",
    "15.09": "tebo",
    "15.71": "kota-jambi",
    "15.72": "sungai-penuh",
}


def loaded(root: Path, units_file: Path | None = None) -> Setup:
    setup = load_setup(root, SHIPPED, units_file)
    assert isinstance(setup, Setup), "\n".join(map(str, setup))
    return setup


def refused(root: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (root / f"{name}.yaml").write_text(text, encoding="utf-8")
    problems = load_setup(root, SHIPPED)
    assert isinstance(problems, tuple), "it was accepted"
    return [str(problem).replace(root.name, "rules") for problem in problems]


@pytest.fixture(scope="module")
def shipped() -> Setup:
    return loaded(SHIPPED)


# --- what ships ---


def test_all_of_jambi_is_named_down_to_its_144_kecamatan(shipped):
    by_length = [sum(code.count(".") == dots for code in shipped.areas.names) for dots in (0, 1, 2)]
    assert by_length == [1, 11, 144]
    assert shipped.areas.name("15.06") == "Kab. Tanjung Jabung Barat"
    assert shipped.areas.name("15.06.04.1001") == "Kec. Betara"
    per_regency = [sum(code.startswith(f"{kab}.") for code in shipped.areas.names) for kab in REGENCIES]
    assert per_regency == [18, 24, 11, 8, 11, 13, 11, 17, 12, 11, 8]


def test_bps_codes_cross_over_in_jambi(shipped):
    crossing = {code: area for code, area in shipped.areas.bps.items() if area.replace(".", "") != code}
    assert crossing == {"1507": "15.06", "1506": "15.07", "1509": "15.08", "1508": "15.09"}
    assert set(shipped.areas.bps.values()) == {"15", *REGENCIES}


def test_every_regency_has_its_unit_and_the_rest_is_the_provinces(shipped):
    assert [unit.id for unit in shipped.units.units] == ["kesbangpol-15", *(f"kesbangpol-{kab}" for kab in REGENCIES)]
    for kab in REGENCIES:
        assert shipped.units.responsible(f"{kab}.01").id == f"kesbangpol-{kab}"
        assert shipped.units.by_id[f"kesbangpol-{kab}"].parent == "kesbangpol-15"
    assert shipped.units.responsible("16.71").id == shipped.units.responsible(None).id == "kesbangpol-15"


def test_every_unit_can_be_reached_by_both_channels_at_made_up_addresses(shipped):
    for unit in shipped.units.units:
        assert {channel for officer in unit.officers for channel in officer.receives} == {"email", "sms"}
        for officer in unit.officers:
            assert officer.email is None or officer.email.endswith(".example")
            assert officer.sms is None or re.fullmatch(r"\+6281200000\d{3}", officer.sms)


def test_the_listed_sources_are_those_of_jambi(shipped):
    slugs = set(REGENCIES.values())
    agencies = {
        "imigrasi": {"jambi", "kuala-tungkal", "bungo", "kerinci"},
        "disnaker": {"prov-jambi"} | slugs,
        "kemnaker": {"pusat"},
        "dukcapil": slugs,
        "lodging": {"apoa"},
        "polri": {"polda-jambi"},
        "kecamatan": slugs,
        "kelurahan": slugs,
        "fkdm": slugs,
        "kemlu": {"pusat"},
        "kesbangpol": {"prov-jambi"} | slugs,
        "public": {"portal"},
    }
    assert set(shipped.feeds.offices) == {f"{kind}/{name}" for kind, names in agencies.items() for name in names}


def test_the_offices_promise_what_was_agreed(shipped):
    imigrasi = shipped.feeds.offices["imigrasi/kuala-tungkal"]
    assert (imigrasi.publishes, imigrasi.lateness, imigrasi.silent_after) == (
        "continuous",
        timedelta(days=2),
        timedelta(hours=26),
    )
    disnaker = shipped.feeds.offices["disnaker/tebo"]
    assert (disnaker.publishes, disnaker.lateness, disnaker.silent_after, disnaker.area) == (
        "files",
        timedelta(days=35),
        timedelta(days=35),
        "15.09",
    )
    assert shipped.feeds.offices["dukcapil/bungo"].lateness == timedelta(days=7)
    quiet = {office.kind for office in shipped.feeds.offices.values() if office.silent_after is None}
    assert quiet == {"polri", "kecamatan", "kelurahan", "fkdm", "kemlu", "kesbangpol", "public"}


def test_the_policy_file_shows_the_values_that_hold_without_it(shipped):
    assert msgspec.structs.replace(shipped.policy, duties=()) == Policy()


def test_holidays_of_2026_are_the_17_national_ones_and_the_8_days_of_collective_leave(shipped):
    national = "1/1 16/1 17/2 19/3 21/3 22/3 3/4 5/4 1/5 14/5 27/5 31/5 1/6 16/6 17/8 25/8 25/12"
    leave = "16/2 18/3 20/3 23/3 24/3 15/5 28/5 24/12"
    decreed = {date(2026, int(m), int(d)) for d, m in (day.split("/") for day in f"{national} {leave}".split())}
    assert len(decreed) == 17 + 8
    assert {day for day in shipped.calendar.holidays if day.year == 2026} == decreed


def test_the_calendar_covers_the_years_of_permits_and_says_which_are_forecasts(shipped):
    assert set(range(2024, 2029)) <= shipped.calendar.years
    assert {2024, 2025, 2026}.isdisjoint(shipped.calendar.estimated)
    assert {2027, 2028, 2029} <= shipped.calendar.estimated
    for year in shipped.calendar.years:
        assert date(year, 8, 17) in shipped.calendar.holidays


def test_working_days_skip_eid_and_its_collective_leave(shipped):
    assert shipped.calendar.last_working_day_on_or_before(date(2026, 3, 24)) == date(2026, 3, 17)
    assert shipped.calendar.add(date(2026, 3, 17), Offset(1, "wd")) == shipped.calendar.add(
        date(2026, 3, 25), Offset(0, "d")
    )
    with pytest.raises(MissingYear, match="2041"):
        shipped.calendar.add(date(2040, 12, 31), Offset(1, "wd"))


# --- an admin's own ---


def test_a_folder_without_any_of_the_files_has_the_province_alone_and_the_defaults(tmp_path, shipped):
    setup = loaded(tmp_path)
    assert setup.areas == shipped.areas
    assert setup.units == PROVINCE_ALONE
    assert setup.units.responsible("15.06").id == "kesbangpol-15"
    assert setup.feeds.offices == {}
    assert setup.policy == Policy()
    assert setup.calendar.holidays == shipped.calendar.holidays


def test_units_can_come_from_a_file_of_their_own(tmp_path):
    setup = loaded(tmp_path, units_file=SHIPPED / "units.yaml")
    assert setup.units.responsible("15.06").id == "kesbangpol-15.06"


def test_a_number_as_people_write_it_becomes_international(tmp_path):
    officer = "{id: a, name: A, language: id, sms: 0812-0000-0601, receives: [sms]}"
    (tmp_path / "units.yaml").write_text(f'units: [{{id: p, name: P, areas: ["15"], officers: [{officer}]}}]')
    assert loaded(tmp_path).units.province.officers[0].sms == "+6281200000601"


def test_an_office_may_promise_something_else_than_its_kind(tmp_path):
    (tmp_path / "feeds.yaml").write_text(
        "disnaker:\n  every: 30d\n  lateness: 35d\n  publishes: files\n  offices:\n"
        '    tebo: {}\n    bungo: {every: 1d, publishes: continuous, bps: true, area: "15.08"}\n'
    )
    feeds = loaded(tmp_path).feeds
    tebo, bungo = feeds.by_kind("disnaker")
    assert (tebo.source, tebo.publishes, tebo.bps, tebo.area) == ("disnaker/tebo", "files", False, None)
    assert (bungo.every, bungo.lateness, bungo.publishes, bungo.bps) == (
        timedelta(days=1),
        timedelta(days=35),
        "continuous",
        True,
    )


def test_policy_lines_that_are_left_out_keep_their_value(tmp_path):
    (tmp_path / "policy.yaml").write_text(
        'severities: {low: {channels: [email], digest: true}}\nsms: {quiet_from: "20:00"}\ncase_prefix: UTO\n'
    )
    policy = loaded(tmp_path).policy
    assert policy.manners[Severity.low] == Manner(("email",), digest=True)
    assert policy.manners[Severity.high] == Policy().manners[Severity.high]
    assert (policy.sms_quiet_from, policy.sms_quiet_until, policy.case_prefix) == (time(20), time(7, 30), "UTO")


def test_a_decree_can_add_and_remove_days_review_a_year_and_cover_a_new_one(tmp_path):
    (tmp_path / "holidays.yaml").write_text(
        "2026: {status: estimated}\n"
        "2027:\n  status: reviewed\n  add: [{date: 2027-03-16, name: Cuti bersama tambahan}]\n  remove: [2027-03-15]\n"
        "2041: {status: estimated}\n"
    )
    calendar = loaded(tmp_path).calendar
    assert date(2027, 3, 16) in calendar.holidays
    assert date(2027, 3, 15) not in calendar.holidays
    assert (2026 in calendar.estimated, 2027 in calendar.estimated, 2041 in calendar.years) == (True, False, True)


UNIT = 'units:\n  - {id: p, name: P, areas: ["15"]}\n'


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "units",
            UNIT + '  - {id: q, name: Q, areas: ["15.06"]}\n',
            r"units.yaml:3:.* q has no parent.*write parent: p",
        ),
        (
            "units",
            UNIT + '  - {id: q, name: Q, areas: ["1507"], parent: p}\n',
            r"units.yaml:3:\d+ area '1507' is not known.*quotes",
        ),
        (
            "units",
            UNIT + '  - {id: q, name: Q, areas: ["15"], parent: p}\n',
            r"units.yaml:3:\d+ area 15 is already held by p",
        ),
        ("units", UNIT + "  - {id: p, name: Q, areas: [], parent: p}\n", r"units.yaml:3:\d+ there are two units p"),
        ("units", UNIT + "  - {id: q, name: Q, areas: [], parent: r}\n", r"units.yaml:3:\d+ there is no unit r"),
        ("units", "units:\n  - {id: p, name: P, areas: [], parent: p}\n", r"units.yaml:2:\d+ p is above itself"),
        (
            "units",
            UNIT + "  - {id: q, name: Q, areas: [], parent: r}\n  - {id: r, name: R, areas: [], parent: q}\n",
            r"units.yaml:4:\d+ r is above itself",
        ),
        ("units", "units:\n  - {id: p, name: P, areas: [15.10]}\n", r"units.yaml:2:\d+ "),  # a number, not a code
        ("units", UNIT + "    officer: []\n", r"units.yaml:\d+:\d+ "),
        ("units", UNIT.replace("]}", "], colour: red}"), r"units.yaml:2:\d+ .*colour"),
        ("areas", 'names: {"15": Jambi, "1506": Barat}\n', r"areas.yaml:1:\d+ '1506' is not an area code"),
        ("areas", 'names: {"15": Jambi}\nbps: {"1507": "15.06"}\n', r"areas.yaml:2:\d+ area '15.06' is not known"),
        ("areas", "bps: {}\n", r"areas.yaml:\d+:\d+ .*names"),
        (
            "feeds",
            "imigrsi:\n  every: 1d\n  lateness: 1d\n  offices: {}\n",
            r"feeds.yaml:1:1 'imigrsi' is not a kind.*imigrasi",
        ),
        (
            "feeds",
            "polri: {every: 1d, lateness: 1d, offices: {Polda: {}}}\n",
            r"feeds.yaml:1:\d+ 'Polda' is not an office",
        ),
        ("feeds", "polri:\n  every: 1d\n  offices: {polda: {}}\n", r"feeds.yaml:3:\d+ every and lateness are not both"),
        (
            "feeds",
            "polri:\n  every: daily\n  lateness: 2d\n  offices: {}\n",
            r"feeds.yaml:2:\d+ .*'daily' is not a span.*write e.g. 26h",
        ),
        (
            "feeds",
            'polri:\n  every: 1d\n  lateness: 2d\n  area: "15.6"\n  offices: {a: {}, b: {}}\n',
            r"feeds.yaml:4:\d+ area '15.6'",
        ),
        ("policy", "digest_at: 8 pagi\n", r'policy.yaml:1:\d+ .*not a time of day.*"08:00"'),
        (
            "policy",
            "severities: {hihg: {channels: [email]}}\n",
            r"policy.yaml:1:14 .hihg. is not a key here; write high",
        ),
        ("policy", "severities: {high: {channels: [pigeon]}}\n", r"policy.yaml:1:\d+ "),
        ("policy", "retry: {after_minutes: []}\n", r"policy.yaml:1:\d+ "),
        ("policy", "portal: javascript:alert(1)\n", r"policy.yaml:1:\d+ .* not a web address; write e.g. https"),
        ("policy", "case_prefix: jbi\n", r"policy.yaml:1:14 'jbi' is not a prefix; write 2 to 5 capitals"),
        ("policy", "sms: {quiet_below: urgent}\n", r"policy.yaml:1:\d+ .*'critical'"),
        (
            "units",
            "units:\n  - {id: Prov, name: P, areas: []}\n",
            r"units.yaml:2:\d+ 'Prov' is not an id; write lower case",
        ),
        ("holidays", "2026: {add: [{date: 2027-01-04, name: X}]}\n", r"holidays.yaml:1:\d+ 2027-01-04 is not in 2026"),
        ("holidays", "2026:\n  remove: [2026-03-17]\n", r"holidays.yaml:2:\d+ 2026-03-17 is not a holiday"),
        (
            "holidays",
            "2026: {remove: [17/3/2026]}\n",
            r"holidays.yaml:1:\d+ .*'17/3/2026' is not a date.*write e.g. 2026",
        ),
        ("holidays", "20266: {}\n", r"holidays.yaml:1:\d+ '20266' is not a year"),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_what_to_write(tmp_path, name, text, said):
    problems = refused(tmp_path, **{name: text})
    assert any(re.search(rf"^rules/{said}", problem) for problem in problems), problems


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("email: petugas", "'petugas' is not an e-mail address"),
        ("email: a@b", "'a@b' is not an e-mail address"),
        ('email: "a@b.example\\nBcc: c@d.example"', "is not an e-mail address"),
        ("email: a..b@c.example", "is not an e-mail address"),
        ('sms: "12345"', "'12345' is not a mobile number"),
        ('sms: "0741-12345"', "is not a mobile number"),  # a landline
        ('sms: "+6281200000601;rm"', "is not a mobile number"),
        ("receives: [email]", "a has no email to receive by"),
    ],
)
def test_an_address_that_cannot_work_is_refused(tmp_path, line, said):
    lines = {"language": "id", "receives": "[]"} | dict([line.split(": ", 1)])
    officer = "".join(f"        {key}: {value}\n" for key, value in lines.items())
    units = 'units:\n  - id: p\n    name: P\n    areas: ["15"]\n    officers:\n      - id: a\n        name: A\n'
    problems = refused(tmp_path, units=units + officer)
    place = 8 + list(lines).index(line.split(":")[0])
    assert [re.sub(r":\d+ ", " ", p, count=1) for p in problems if said in p], problems
    assert problems[0].startswith(f"rules/units.yaml:{place}:")


def test_two_officers_do_not_share_an_id(tmp_path):
    officer = "{id: a, name: A, language: id, receives: []}"
    units = f'units:\n  - {{id: p, name: P, areas: ["15"], officers: [{officer}, {officer}]}}\n'
    assert any("there are two officers a" in problem for problem in refused(tmp_path, units=units))


def test_the_problems_of_all_files_come_at_once_in_the_order_of_their_places(tmp_path):
    problems = refused(
        tmp_path,
        units=UNIT + "  - {id: q, name: Q, areas: [], parent: r}\n  - {id: s, name: S, areas: [], parent: t}\n",
        feeds="polri: {every: 1d, offices: {a: {}, b: {}}}\n",
        holidays="2026: [\n",
        policy="digest_at: 25:00\n",
    )
    assert [problem.split(":")[0] for problem in problems] == [
        *["rules/feeds.yaml"] * 2,
        "rules/holidays.yaml",
        "rules/policy.yaml",
        *["rules/units.yaml"] * 2,
    ]


def test_a_units_file_that_was_asked_for_must_be_there(tmp_path):
    problems = load_setup(tmp_path, SHIPPED, tmp_path / "unit.yaml")
    assert [str(problem).partition("/")[2] for problem in problems] == [
        "unit.yaml:1:1 there is no such file; write a file, or mend the link"
    ]


def test_a_shipped_folder_without_area_codes_is_a_problem_not_a_crash(tmp_path):
    problems = load_setup(tmp_path, tmp_path)
    assert isinstance(problems, tuple)
    assert "there is no such file" in str(problems[0])
