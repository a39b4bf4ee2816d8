"""RESULTS.md, from what `make bench` measured."""

from __future__ import annotations

from typing import Any

from tests.bench import durable, scale, shared
from tests.bench.workloads import RULE_OF

# What was missed, and what it would take; by target, kept while the target is missed.
WHY = {
    "durable path, of the floor's rate": """
Profiled with the first ten rules, when it was 46 µs (31 are judged now): 22 are in compiled code that cannot be left out: parsing
that refuses duplicate keys, and checking (pydantic), 11; SQLite, 10; encoding entries, 1. The other 24 are about 100 calls for
each event: who is meant, folding, deriving what rules see, judging. The target leaves 4 for those. To compile the same modules
does not give it: nearly all of `alerts/core` and the store through Cython measured 45.4 beside 46.6, since the time goes to
objects and look-ups, not to the interpreter. It would take less work an event: all events of a person in a batch folded at once,
and checking by structs made from the catalogue, with pydantic only to word refusals (about 10 and 5 µs); and then a decoder, fold
and views in another language, which would not be simple.""",
    "shared workload, times the plain loop's CPU per event": """
SQLite alone takes 34 µs of ours, 3.6 plain loops: the row of the event 5.5, the row of the person 8.6 (another page each, as
persons are drawn from 50,000), commits 5.6, look-ups 7. Decoding and checking take 13, encoding entries 6. So the target is out
of reach with events and entries kept as rows, in any language. It would take entries held in memory, with the events as a log and
a copy now and then, as the measured peers have; one file that an office can copy and query is worth more to it than the
difference.""",
    "an event at 1,000,000 subjects, times 10,000": """
At its edge: 1.1 and 1.3 in runs of one day. Beyond 20,000 subjects an entry has to be read and decoded, about 14 µs, instead of
being remembered; decoding less of it (facts that no rule can reach any more) would help.""",
    "replay, times the durable rate above": """
`replay` makes a turn for every receipt, since it dates each change by the instant that made it; the durable path above judges 5,000
events together, each subject once, and the source once instead of 5,000 times.""",
}


def written(results: dict[str, Any], machine: str, day: str) -> str:
    """The whole page."""
    parts = (_targets, _durable, _shared, _scale, _rules, _edits)
    head = f"""# Results of `make bench`

Written by the command on {day}; {machine}, one pinned core. Figures are CPU time, medians of {durable.TIMES}; a shared machine
varies by a quarter, so read the ratios, which are of figures measured in turn in one run. Nobody is told of alerts in any of them.
The floor is what no engine can leave out: decoding the same JSON and committing the same rows, with nothing done in between.
"""
    return "\n".join([head, *(part(results) for part in parts)])


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """In Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def _targets(results: dict[str, Any]) -> str:
    small, *_, large = results["scale"]
    rules, quiet = results["rules"], large["nothing_due_us"] / small["nothing_due_us"]
    single = results["durable"]["single_us"] / results["durable"]["replay_us"]
    rows: list[tuple[str, str, str, bool]] = [
        target("durable path, of the floor's rate", results["durable"]["of_floor"], 0.5, at_least=True),
        target("shared workload, times the plain loop's CPU per event", results["shared"]["times"], 2.4),
        target("an event at 1,000,000 subjects, times 10,000", large["event_us"] / small["event_us"], 1.3),
        target("a tick with nothing due at 1,000,000 subjects, times 10,000", quiet, 1.3),
        target("1,000 rules on other types of event, times 10 rules", rules["other 1000"] / rules["other 10"], 2.0),
        target("RSS at 1,000,000 subjects, MB", large["rss_mb"], 400),
        target("`rules check` of 1,000 rules, s", results["edits"]["check_s"], 2.0),
        target("`rules impact` over 500,000 events, s", _impact_s(results["edits"]), 60.0),
        target("replay, times the durable rate with a turn an event, as replay has", single, 3.0, at_least=True),
        target("replay, times the durable rate above", results["durable"]["replay_times"], 3.0, at_least=True),
    ]
    equal = "equal" if results["shared"]["equal"] else "**NOT equal**"
    shown = table(("target", "wanted", "measured", ""), [(*row[:3], "met" if row[3] else "**missed**") for row in rows])
    missed = "".join(f"\n**{name}.**{WHY[name]}\n" for name, *_, met in rows if not met and name in WHY)
    return f"## Targets\n\nThe alerts that stand at the end of the shared workload are {equal} to its oracle's.\n\n{shown}{missed}"


def target(name: str, value: float, wanted: float, *, at_least: bool = False) -> tuple[str, str, str, bool]:
    """Its name, what was wanted and measured, and whether it was met."""
    met = value >= wanted if at_least else value <= wanted
    return name, f"{'≥' if at_least else '≤'} {wanted:g}", f"{value:.2f}" if value < 100 else f"{value:.0f}", met


def _durable(results: dict[str, Any]) -> str:
    found = results["durable"]
    rows = [
        (
            "floor: decode with pydantic, commit the same rows",
            f"{found['floor_us']:.1f}",
            f"{1e6 / found['floor_us']:,.0f}",
        ),
        ("durable path, all shipped rules", f"{found['durable_us']:.1f}", f"{1e6 / found['durable_us']:,.0f}"),
        ("the same, one event a commit", f"{found['single_us']:.1f}", f"{1e6 / found['single_us']:,.0f}"),
        ("`replay`, a turn for each receipt", f"{found['replay_us']:.1f}", f"{1e6 / found['replay_us']:,.0f}"),
    ]
    stages = [(stage, f"{us:.1f}") for stage, us in found["stages_us"].items()]
    return (
        f"## The sample year: {found['events']:,} events, committed {found['batch']:,} at a time, `synchronous=FULL`\n\n"
        + table(("path", "µs per event", "events/s"), rows)
        + "\nBy stage, with a clock read around each:\n\n"
        + table(("stage", "µs per event"), stages)
    )


def _shared(results: dict[str, Any]) -> str:
    found = results["shared"]
    rows = [("plain loop of dictionaries, nothing kept", f"{found['plain_us']:.1f}", found["plain_changes"])]
    rows += [("ours, durable", f"{found['ours_us']:.1f}", found["changes"])]
    told = [(name, us, ", ".join(f"{change} {n}" for change, n in sorted(counts.items()))) for name, us, counts in rows]
    return (
        f"## The shared workload: 500,000 events, 50,000 persons, committed {shared.BATCH:,} at a time\n\n"
        + table(("engine", "µs per event", "alerts raised (+) and withdrawn (-)"), told)
        + f"\n{', '.join(f'{short} is `{rule}`' for short, rule in RULE_OF.items())}. Each deadline is raised at its instant;"
        + "\nwhat is received between two deadlines is judged together, so a few changes on the way cancel out unsaid."
        + f"\nPeak memory of ours: {found['rss_mb']} MB.\n"
    )


def _scale(results: dict[str, Any]) -> str:
    names = {
        "subjects": "subjects",
        "event_us": "an event, µs",
        "nothing_due_us": "tick with nothing due, µs",
        "due": "alerts due in the tick of 1%",
        "due_us": "that tick, µs per alert",
        "build_us": "to take in the first event of each, µs",
        "open_ms": "to open, ms",
        "file_mb": "file, MB",
        "rss_mb": "RSS, MB",
    }
    rows = [tuple(f"{size[key]:,.0f}" for key in names) for size in results["scale"]]
    title = f"## By the number of subjects: batches of {scale.TOGETHER:,} events about persons drawn from all\n\n"
    return title + table(tuple(names.values()), rows)


def _edits(results: dict[str, Any]) -> str:
    found = results["edits"]
    rows = [
        ("`rules check` of 1,000 rules, s", f"{found['check_s']:.2f}"),
        (f"`rules impact` of one edited rule over {found['events']:,} events, s", f"{found['impact_s']:.1f}"),
        ("the same where all rules are edited, s", f"{found['impact_all_s']:.1f}"),
    ]
    return "## What an admin waits for\n\n" + table(("command", "CPU"), rows)


def _impact_s(found: dict[str, Any]) -> float:
    """For 500,000 events, by the measured number, which is a little more."""
    return float(found["impact_s"] / found["events"] * 500_000)


def _rules(results: dict[str, Any]) -> str:
    rows = [(*name.split(), f"{us:.1f}") for name, us in results["rules"].items()]
    told = [(f"{int(count):,}", f"about {about} types of event", us) for about, count, us in rows]
    return "## By the number of rules, on the sample year\n\n" + table(
        ("rules", "the added ones", "µs per event"), told
    )
