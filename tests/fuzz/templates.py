"""Claims about templates that a hostile admin wrote. Each is a function of a seed."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from alerts.channels.render import SMS_PARTS_MAX, TEXT_MAX, Templates
from alerts.channels.text import gsm7, sms_parts
from alerts.core.letters import Letter, Line, Message
from alerts.core.rules import Severity, Text
from tests.fuzz import hostile
from tests.fuzz.hostile import CANARY
from tests.runtime.office import ROOT

SHIPPED = ROOT / "templates"
SOURCES = {path.relative_to(SHIPPED).as_posix(): path.read_text("utf-8") for path in sorted(SHIPPED.rglob("*.j2"))}
ODD = (
    "{{ line[line.facts[0].value] }}", "{% include line.facts[0].value %}", '{{ "\\ud800" }}',
    "{{ line[line.facts[0].value|lower] }}", "{{ ''.__class__ }}", "{{ lines.__init__.__globals__ }}",
    "{{ line['__class__'] }}", "{{ (line|list).append(1) }}", "{{ 'a' * 10**9 }}", "{{ 'a' ~ 'a' }}",
    "{{ ('a' * 9).ljust(10**9) }}", "{{ '%9999999d' % 1 }}", "{{ 7 ** 9 ** 9 }}", "{{ [[line]] }}",
    "{{ range(10**9) }}", "{{ lines|map('join', lines)|list }}", "{{ lines|sum(start=[]) }}", "{{ self }}",
    "{% include 'stay_expired.txt.j2' %}", "{% extends '_letter.txt.j2' %}",
    "{% import '_group.txt.j2' as g %}{{ g }}", "{% include '../../../../etc/passwd' %}", "{% include lines %}",
    "{% extends line %}", "{{ _x }}", "{{ loop }}", "{{ caller() }}", "{% raw %}", "{% autoescape false %}",
    "{% do x %}", "{% set lines = lines + lines %}", "{% set line = [line, line] %}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}", "{{ cycler }}", "{{ namespace() }}", "{{ lipsum() }}",
    "{% for a in range(100) %}", "{% endfor %}", "{% if lines %}", "{% endif %}", "{{ line }}", "{{ lines }}",
    "{{ 1 / 0 }}", "{% for a in lines recursive %}{{ loop(lines) }}{% endfor %}",
    "{% block ask %}{{ self.ask() }}{% endblock %}", "{{ missing.x }}", "{% set a %}{{ line }}{% endset %}",
    "{% filter upper %}{{ lines }}{% endfilter %}", "{{ 9 // 0 }}", "{{ lines[10**9] }}",
)  # fmt: skip
NAMES = ("stay_expired.txt.j2", "stay_expired.txt.j2", "_letter.txt.j2", "_labels.txt.j2", "_fallback.txt.j2")


def letter(rng: random.Random, channel: str, cases: int = 1) -> Letter:
    """About one case or several, of a person whose marks are canaries."""
    one = Line(
        ref="JBI-26-004190",
        rule="stay_expired",
        template="stay_expired",
        title=Text("Indikasi izin tinggal berakhir", "Stay permit apparently expired"),
        change=rng.choice(["raised", "stepped", "withdrawn"]),
        severity=rng.choice(list(Severity)),
        area_name=hostile.text(rng),
        raised_at=datetime(2026, 3, 2, 2, 30, tzinfo=UTC),
        facts=(("stay.permit_ref", f"{CANARY}1"), ("stay.valid_until", "2026-03-01")),
        legal_basis=("UU 6/2011 ps. 78(1)",),
    )
    return Letter(
        notice="n-1",
        channel=channel,
        language="id",
        unit_name="Kesbangpol",
        lines=(one,) * cases,
        portal="https://a.example",
    )


def hostile_template(rng: random.Random) -> bytes:
    if rng.random() < 0.05:
        return blown_up(rng)
    parts = rng.choices(ODD, k=rng.choice([0, 1, 2, 5])) + [SOURCES[rng.choice(sorted(SOURCES))]] * rng.choice(
        [0, 1, 1]
    )
    rng.shuffle(parts)
    source = rng.choice(["", "\n", "{{ line.ref }}"]).join(parts)
    return source.encode() if rng.random() < 0.3 else hostile.mangled(rng, source, [*SOURCES.values(), *ODD])


def blown_up(rng: random.Random) -> bytes:
    """Deep, long or growing beyond sense."""
    many = rng.choice([10, 19, 200, 5000, 60_000])
    before, inside, after = rng.choice(
        [
            ("{% for a in range(100) %}", "", "{% endfor %}"),
            ("{% for a in lines %}", "x", "{% endfor %}"),
            ("{% if line %}", "x", "{% endif %}"),
            ("{% set lines = lines + lines %}", "{{ lines|length }}", ""),
            ("{% set lines = [lines, lines] %}", "{{ lines }}", ""),
            ("{% set portal = portal ~ portal %}", "{{ portal }}", ""),
            ("{% set portal = portal + portal %}", "{{ portal }}", ""),
            ("{% set portal %}{{ portal }}{{ portal }}{% endset %}", "{{ portal }}", ""),
            ("{% set portal = portal|join(portal) %}", "{{ portal }}", ""),
            ("{% with portal = [portal, portal] %}", "{{ portal|join }}", "{% endwith %}"),
            ("{{ '", "a", "' }}"),
            ("{{ ", "line.ref", " }}"),
            ("x", "{{ line.ref }}", "y"),
        ]
    )
    whole = before * many + inside + after * many
    return rng.choice([whole, "{{ " + "(" * many + "1" + ")" * many + " }}", "{{ " + "-" * many + "1 }}"]).encode()


def rendering(seed: int) -> None:
    """Whatever the templates say, the officer is told within bounds, and a complaint repeats no fact."""
    rng = random.Random(seed)
    channel = rng.choice(["email", "sms"])
    with tempfile.TemporaryDirectory() as folder:
        for name in rng.sample(NAMES, rng.choice([1, 1, 2, 4])):
            path = Path(folder, channel, "id", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(hostile_template(rng))
        assert all(problem.isprintable() for problem in Templates([Path(folder)]).problems())
        templates = Templates([Path(folder), SHIPPED])
        told_within_bounds(
            templates.render(letter(rng, channel, rng.choice([1, 1, 1, 2, 60])), "petugas@kantor.example")
        )


def told_within_bounds(message: Message) -> None:
    assert message.text.strip() and "\n" not in message.subject
    assert CANARY not in message.problem, "a complaint repeats a fact"
    assert len(message.text) <= TEXT_MAX + 500 and len(message.html) <= 2 * TEXT_MAX
    (message.text + message.html + message.problem).encode()
    if message.channel == "sms":
        assert CANARY not in message.text, "an SMS holds a fact"
        assert gsm7(message.text) == message.text and len(sms_parts(message.text)) <= SMS_PARTS_MAX
    assert len(message.problem) < 3000


def looping(seed: int) -> None:
    """Loops within loops that write nothing end all the same."""
    rng = random.Random(seed)
    depth = rng.randint(5, 15)
    over = rng.choice(["range(100)", "'abcdefghijklmnopqrstuvwxyz'", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "email", "id", "stay_expired.txt.j2")
        path.parent.mkdir(parents=True)
        path.write_text(f"{{% for a in {over} %}}" * depth + "{% endfor %}" * depth, "utf-8")
        told_within_bounds(Templates([Path(folder), SHIPPED]).render(letter(rng, "email"), "petugas@kantor.example"))


CLAIMS: tuple[Callable[[int], None], ...] = (rendering, looping)
