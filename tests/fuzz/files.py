"""Claims about the files that admins edit: rules, their tests, and the setup. Each is a function of a seed."""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from pathlib import Path

from alerts.core.conditions import SOURCE_LIMIT
from alerts.files.loader import Loaded, load_rules
from alerts.files.reading import SIZE_LIMIT, TOLD_A_FILE, Problem
from alerts.files.ruletest import run_rule_test
from alerts.files.setup import Setup, load_setup
from alerts.files.testfile import load_rule_tests
from tests.fuzz import hostile
from tests.runtime.office import ROOT

TODAY = date(2026, 3, 10)
SHIPPED = ROOT / "rules"
SETUP = ("areas.yaml", "units.yaml", "feeds.yaml", "policy.yaml", "holidays.yaml")
SOURCES = {path.name: path.read_text("utf-8") for path in sorted(SHIPPED.rglob("*.yaml"))}
RULES = tuple(name for name in SOURCES if name not in (*SETUP, "lists.yaml") and ".test." not in name)
USES = "when: stay.latest && person.in_country && !stay.application_pending"
LOCAL = {
    "lists.yaml": """\
lists:
  kinds: {reason: uji, values: [ITK, ITAS]}
  areas: {reason: uji, values: ["15.06", "15.71"]}
macros:
  placed: "has(stay.area) && stay.area in areas"
  usual: "stay.kind in kinds && (placed || stay.latest)"
  searched: "person.stays.exists(s, s.kind in kinds)"
""",
    "stay_expired.local.yaml": """\
override: stay_expired
reason: uji
and_when: searched && stay.kind != 'ITAP'
steps: [{at: 1d, severity: low}, {at: 30d, severity: high, notify: [province]}]
needs: [dukcapil]
exceptions:
  - {reason: uji, until: 2027-03-31, where: {stay.permit_ref: [P1], stay.latest: [true], stay.valid_until: [2026-03-01]}}
""",
}
SOURCES |= LOCAL
ODD = (
    "&a ", "*a", "!!python/object/apply:os.system [id]", "!x ", "<<: *a", "? ", "---\n", "...\n", "%YAML 9.9\n---\n",
    "%TAG ! x\n", "|\n  ", ">-\n  ", "|9", "[", "{", "]", "}", ": ", "- ", "#", "@", "`", "\t", "\n\t", '"\\ud800"',
    '"\\x00"', '"\\U00110000"', "''", "99999999999999999999", "1e999", ".inf", "0x1F", "2026-02-30", "9999d", "0wd",
    "- 9999wd", "[[[[[[", "{a: {a: {a: ", '"\\u202e"', "nationality", "person.nationality == 'UTO'", "'agama islam'",
    "person.stays", "stay in person.stays", "x in x.x", "__class__.x", "id: x\n", "when: true\n",
    "each: person in person.stays\n", "about: feed\n", "steps: []\n", "needs: []\n", "facts: [x.y]\n", "null",
)  # fmt: skip


@cache
def setup() -> Setup:
    found = load_setup(SHIPPED, SHIPPED)
    assert isinstance(found, Setup), found
    return found


def hostile_file(rng: random.Random, name: str) -> bytes:
    form = rng.randrange(20)
    if form == 0:
        return blown_up(rng, SOURCES[name])
    if form < 10:
        lines = SOURCES[name].split("\n")
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(lines))
            start, colon, _ = lines[place].partition(": ")
            lines[place] = (
                f"{start}{colon}{rng.choice([*ODD, hostile.text(rng)])}" if rng.random() < 0.7 else rng.choice(ODD)
            )
        return hostile.broken(rng, "\n".join(lines).encode("utf-8", "surrogatepass"))
    return hostile.mangled(rng, SOURCES[name], [*SOURCES.values(), *ODD])


def blown_up(rng: random.Random, source: str) -> bytes:
    """Bombs: as many, as deep or as long as a file may be."""
    size = rng.choice([20_000, 60_000, 200_000])
    bomb = rng.choice(
        [
            "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(size // 40)),
            "{" * (size // 10),
            "[" * (size // 10) + "]" * (size // 10),
            "- " * (size // 2),
            "a:\n" + "".join(" " * n + "a:\n" for n in range(1, min(400, size // 100))),
            "".join(f"k{n}: 1\n" for n in range(size // 20)),
            "facts: [" + "x.y, " * (size // 20) + "]\n",
            "inhibits: [" + "abc, " * (size // 20) + "]\n",
            "when: " + "(" * size + "\n",
            "when: 'true" + " && true" * (size // 10) + "'\n",
            "x: '" + "y" * size + "'\n",
            "".join("a: 1\n" for _ in range(size // 20)),
            '"' + "\\" * size,
            "#" * size + "\n",
            " " * size,
            "? " * (size // 2),
            "a: " * (size // 3),
            "!" * size,
            "---\n" * (size // 4),
            "9" * size + ": " + "9" * size,
        ]
    )
    return rng.choice([bomb, source + bomb, bomb + source, " " * (SIZE_LIMIT + 1)]).encode()


def a_rule(seed: int) -> None:
    """A rule file with its test is in force, or every problem is told with its place; a rule in force can be tested."""
    rng = random.Random(seed)
    name = rng.choice(RULES)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "rules"
        root.mkdir()
        (root / name).write_bytes(hostile_file(rng, name) if rng.random() < 0.8 else SOURCES[name].encode())
        test = name.replace(".yaml", ".test.yaml")
        (root / test).write_bytes(hostile_file(rng, test) if rng.random() < 0.4 else SOURCES[test].encode())
        loaded = load_rules(root, TODAY)
        tests, problems = load_rule_tests(root / test, root)
        told(problems, root)
        assert bool(tests) != bool(problems)
        told_or_in_force(loaded, root)
        for rule in loaded.rules.rules if loaded.rules else ():
            told(run_rule_test(rule, loaded.rules, setup(), root).problems, root)


def a_local_word(seed: int) -> None:
    """Lists, macros and an override, and a rule that uses them: in force and tested, or every problem told, in bounds."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "rules"
        root.mkdir()
        (root / "stay_expired.test.yaml").write_text(SOURCES["stay_expired.test.yaml"], "utf-8")
        (root / "stay_expiring.test.yaml").write_text(SOURCES["stay_expiring.test.yaml"], "utf-8")
        (root / "stay_expiring.yaml").write_text(SOURCES["stay_expiring.yaml"], "utf-8")
        uses = f"when: {rng.choice(['usual && ', 'searched && ', '!placed && ', 'usual || placed && '])}stay.latest"
        (root / "stay_expired.yaml").write_text(SOURCES["stay_expired.yaml"].replace(USES, uses), "utf-8")
        for name in LOCAL:
            spoilt = rng.random() < 0.4
            (root / name).write_bytes(hostile_file(rng, name) if spoilt else SOURCES[name].encode())
        if rng.random() < 0.2:
            (root / "lists.yaml").write_text(doubling(rng))
        loaded = load_rules(root, TODAY)
        told_or_in_force(loaded, root)
        assert len(loaded.problems) <= 5 * (TOLD_A_FILE + 1)
        for rule in loaded.rules.rules if loaded.rules else ():
            assert len(rule.when.text) < 500 * SOURCE_LIMIT
            told(run_rule_test(rule, loaded.rules, setup(), root).problems, root)


def doubling(rng: random.Random) -> str:
    """Macros of which each says the next ones several times."""
    many, join = rng.choice([5, 60, 199]), rng.choice([" && ", " || ", " ? true : "])
    called = ["usual", "placed", "searched", *(f"m{n}" for n in range(many))]
    said = [join.join([f"({name})"] * rng.choice([1, 2, 8])) for name in called[1:]]
    last = rng.choice(["stay.latest", "usual", "stay.kind in kinds", "1 < 2", "person.stays.all(s, s.latest)"])
    return "macros:\n" + "".join(f'  {name}: "{text}"\n' for name, text in zip(called, [*said, last], strict=True))


def told_or_in_force(loaded: Loaded, root: Path) -> None:
    assert (loaded.rules is None) == bool(loaded.problems)
    told([*loaded.problems, *loaded.warnings], root)


def told(problems: Iterable[Problem], root: Path) -> None:
    """Each problem names a place that its file has, in words that can be shown on any page."""
    for problem in problems:
        assert problem.what and str(problem).isprintable() and len(str(problem)) < 10_000, repr(problem)[:500]
        assert problem.line >= 1 and problem.column >= 1, problem
        path = root.parent / problem.file
        if path.is_file() and not path.is_symlink():
            assert problem.line <= len(path.read_bytes().replace(b"\r", b"\n").split(b"\n")) + 1, problem


def a_setup(seed: int) -> None:
    """The files of an installation are in force together, or every problem is told with its place."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "rules"
        root.mkdir()
        spoilt = rng.sample(SETUP, rng.choice([1, 1, 2]))
        for name in SETUP[1:] if "areas.yaml" not in spoilt else SETUP:
            (root / name).write_bytes(hostile_file(rng, name) if name in spoilt else SOURCES[name].encode())
        found = load_setup(root, SHIPPED)
        if isinstance(found, tuple):
            assert found
            told(found, root)


def a_folder(seed: int) -> None:
    """Whatever lies in the folder of rules, reading it ends with rules or problems."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "rules"
        root.mkdir()
        for name in (RULES[0], RULES[0].replace(".yaml", ".test.yaml")):
            (root / name).write_text(SOURCES[name], "utf-8")
        Path(folder, "outside.yaml").write_text(SOURCES[RULES[0]], "utf-8")
        for _ in range(rng.randint(1, 4)):
            _put_something(rng, root)
        told_or_in_force(load_rules(root, TODAY), root)
        found = load_setup(root, SHIPPED)
        told(found if isinstance(found, tuple) else (), root)


STEMS = ("x", "units", "feeds", "holidays", "policy", "areas", ".x", "x" * 248, "é", "a b", "x\n", RULES[0][:-5])
ENDINGS = (".yaml", ".yaml", ".test.yaml", ".yml", "\udcff.yaml")  # the last one is a byte that is no UTF-8
TARGETS = ("../outside.yaml", "/dev/zero", "/dev/stdin", "/proc/self/mem", "gone")


def _put_something(rng: random.Random, root: Path) -> None:
    path = root / (rng.choice(STEMS) + rng.choice(ENDINGS))
    make: Callable[[], object] = rng.choice(
        [
            path.mkdir,
            lambda: os.mkfifo(path),
            lambda: path.symlink_to(rng.choice(TARGETS)),
            lambda: path.symlink_to(path),
            lambda: (path.parent / "round").symlink_to("."),
            lambda: path.write_bytes(hostile_file(rng, RULES[0])) if not path.exists() else None,
        ]
    )
    with contextlib.suppress(OSError):  # the name is taken, or too long
        make()


CLAIMS: tuple[Callable[[int], None], ...] = (a_rule, a_setup, a_folder, a_local_word)
