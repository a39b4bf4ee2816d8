"""An idea of an admin's own, the third extension of a visa on arrival, can be said with the published facts and tested."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from alerts.files.loader import load_rules
from alerts.files.ruletest import run_rule_tests
from alerts.files.setup import Setup, load_setup

SHIPPED = Path(__file__).parents[2] / "rules"
RULE = """\
id: visa_on_arrival_third_extension
status: shadow
title: {id: Visa kunjungan saat kedatangan diperpanjang tiga kali, en: Third extension of a visa on arrival}
owner: bidang-kewaspadaan
legal_basis: ["Permendagri 49/2010 (R)"]
review_by: 2027-06-30
false_positives: ["perpanjangan karena keadaan darurat"]
about: person
each: stay in person.stays
when: stay.latest && stay.extensions >= 3 && has(stay.visa_index) && stay.visa_index == 'B1' && has(stay.extended_at)
due: stay.extended_at
keep: 30d
severity: low
facts: [stay.permit_ref, stay.extensions, stay.extended_at]
"""
EXTENDED = """\
    - {{type: stay_permit.issued.v1, time: {at}, data: {{person: {{issuing_state: UTO, passport_no: X1}}, permit_no: {no},
        kind: ITK, valid_from: 2026-01-01, valid_until: {until}}}}}
"""
TESTS = """\
- name: {name}
  given:
    - {{type: arrival.recorded.v1, time: 2026-01-01T10:00, data: {{person: {{issuing_state: UTO, passport_no: X1}},
        entry_date: 2026-01-01, port: Sultan Thaha, visa_index: B1, stay_until: 2026-01-30}}}}
{extended}
  expect:
    2026-03-24T09:59: []
    2026-03-24T10:00: ["visa_on_arrival_third_extension:{no}"]
    2026-04-23T10:00: []
"""


def permits(*numbers: str) -> str:
    days = (("2026-01-25T10:00", "2026-02-28"), ("2026-02-20T10:00", "2026-03-30"), ("2026-03-24T10:00", "2026-04-29"))
    return "".join(EXTENDED.format(at=at, no=no, until=until) for no, (at, until) in zip(numbers, days, strict=True))


def test_the_third_extension_raises_it_under_one_number_and_under_new_ones(tmp_path: Path) -> None:
    root, setup = tmp_path / "rules", load_setup(SHIPPED, SHIPPED)
    root.mkdir()
    (root / "visa_on_arrival_third_extension.yaml").write_text(RULE)
    (root / "visa_on_arrival_third_extension.test.yaml").write_text(
        TESTS.format(name="one number", extended=permits("K1", "K1", "K1").rstrip(), no="K1")
        + TESTS.format(name="three numbers", extended=permits("K1", "K2", "K3").rstrip(), no="K3")
    )
    loaded = load_rules(root, date(2026, 1, 1))
    assert (loaded.problems, loaded.warnings) == ((), ())
    assert loaded.rules and isinstance(setup, Setup)
    (outcome,) = run_rule_tests(loaded.rules, setup, root)
    assert (outcome.problems, outcome.failures, outcome.tests) == ((), (), 2)
