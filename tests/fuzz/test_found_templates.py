"""Templates that once kept the dispatcher busy for ever, took all memory, gave away a fact or sent an empty letter."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from alerts.channels.render import Templates
from alerts.channels.sandbox import SOURCE_MAX
from tests.fuzz.bounded import failure
from tests.fuzz.hostile import CANARY
from tests.fuzz.templates import SHIPPED, letter, told_within_bounds

GROWS = "{% set portal = portal + portal %}"
ENDLESS = {
    "loops within loops": "{% for a in range(100) %}" * 6 + "{% endfor %}" * 6,
    "loops over a written list": "{% for a in [1, 2, 3, 4, 5, 6, 7, 8, 9] %}" * 12 + "{% endfor %}" * 12,
    "loops over letters": "{% for a in 'abcdefghijklmnopqrstuvwxyz' %}" * 8 + "{% endfor %}" * 8,
    "a macro that calls itself twice": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "a file that includes itself twice": "{% include 'stay_expired.txt.j2' ignore missing %}" * 2,
    "a recursive loop": "{% for a in lines recursive %}{{ loop(lines) }}{{ loop(lines) }}{% endfor %}",
    "text that doubles": GROWS * 60 + "{{ portal|length }}",
    "text that doubles by another sign": "{% set portal = portal ~ portal %}" * 60 + "{{ portal|length }}",
    "text that doubles in a block": "{% set portal %}{{ portal }}{{ portal }}{% endset %}" * 60 + "{{ portal|length }}",
    "text that doubles in a macro": "{% macro m(a) %}{{ a }}{{ a }}{% endmacro %}"
    + "{% set portal = m(portal) %}" * 60,
    "text between every letter": "{% set portal = portal|join(portal) %}" * 20 + "{{ portal|length }}",
    "lists of lists": "{% set lines = [lines, lines] %}" * 60 + "{{ lines }}",
    "lists that double": "{% set lines = lines + lines %}" * 60 + "{{ lines|length }}",
    "sums of lists": "{% set lines = [[1]]|sum(start=lines) %}" * 60 + "{{ lines|length }}",
    "much text in a loop that is thrown away": "{% set a %}"
    + "{% for a in range(100) %}" * 3
    + "x" * 20_000
    + "{% endfor %}" * 3
    + "{% endset %}",
    "a file beyond all measure": "{{ line.ref }}" * SOURCE_MAX,
    "brackets within brackets": "{{ " + "(" * 15_000 + "1" + ")" * 15_000 + " }}",
    "signs before signs": "{{ " + "-" * 30_000 + "1 }}",
}
UNFIT = {
    "control characters only": "\x7f\x01",
    "half a character": '{{ "\\ud800" }}',
    "a fact as a name": "{{ line[line.facts[0].value] }}",
    "a fact as a name in small letters": "{{ line[line.facts[0].value|lower] }}",
    "a fact as a file": "{% include line.facts[0].value %}",
}


def in_its_place(folder: Path, source: str, channel: str = "email") -> Templates:
    path = folder / channel / "id" / "stay_expired.txt.j2"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, "utf-8")
    return Templates([folder, SHIPPED])


@pytest.mark.parametrize("name", ENDLESS)
def test_a_template_without_end_gives_way_to_the_general_letter(name: str, tmp_path: Path) -> None:
    templates = in_its_place(tmp_path, "{{ line.ref }}" + ENDLESS[name])

    def claim(seed: int) -> None:
        message = templates.render(letter(random.Random(seed), "email"), "petugas@kantor.example")
        told_within_bounds(message)
        assert message.fallback and message.problem.startswith("email/id/")

    assert not failure(claim, [0], cpu_s=5)


@pytest.mark.parametrize("channel", ["email", "sms"])
@pytest.mark.parametrize("name", UNFIT)
def test_what_a_template_may_not_say_goes_out_as_the_general_letter(name: str, channel: str, tmp_path: Path) -> None:
    message = in_its_place(tmp_path, UNFIT[name], channel).render(
        letter(random.Random(0), channel), "petugas@kantor.example"
    )
    assert message.fallback
    assert "JBI-26-004190" in message.text
    assert CANARY.casefold() not in message.problem.casefold()
