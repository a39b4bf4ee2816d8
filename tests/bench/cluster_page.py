"""CLUSTER.md, from what `make bench-cluster` measured."""

from __future__ import annotations

from statistics import median
from typing import Any

from tests.bench import cluster
from tests.bench.page import table, target

# What was missed, and what the time goes to; by target, kept while the target is missed.
LISTS = "one worker and PostgreSQL, of the bare agent's rate, with lists"
WHY = {
    LISTS: """
The transport is not the limit: with no engine it hands over at many times the bare agent's rate. What remains is the engine, by the
stages below: decoding and checking, who is meant and what is known of them, folding, 31 rules, writing, and PostgreSQL's own time,
one after the other, since a turn reads, judges and commits: {ours:.0f} µs of CPU an event. The bare agent takes {bare:.0f} µs,
so the target leaves {left:.0f}. Decoding the next batch while the database works would save at most the decoding; what else it
would take is less work an event, as RESULTS.md says of the embedded path.""",
}

TWO = """Turns go one after another, by a lock in the database, and a worker forgets the entries that it remembers when another had
a turn in between. So a second worker decodes beside the first and is there when that one dies; it is no second rate.
"""


def written(results: dict[str, Any], machine: str, day: str) -> str:
    """The whole page."""
    loads = ", ".join(f"{load:.1f}" for load in results["load"])
    head = f"""# Results of `make bench-cluster`

Written by the command on {day}; {machine}.
PostgreSQL as Debian sets it up (`fsync` and `synchronous_commit` on), one broker, a topic of 8 partitions with
{results["events"]:,} events: the sample years of {results["years"]} populations, in the order of receipt. Broker, database and
workers share the cores; nothing is pinned. Load of the machine before each round: {loads}; above the number of cores others worked
on it too, so read the ratios, which are of runs one after the other, and CPU time. A worker's clock starts when
{cluster.WARM:.0%} are applied and the tables have statistics. Rates are medians over {results["rounds"]} rounds for the bare agent,
the transport and one worker, the lowest in brackets; the others ran once.
"""
    parts = (_targets, _rates, _latency, _stages, _scale)
    return "\n".join([head, *(part(results) for part in parts)])


def _ratio(results: dict[str, Any], of: int) -> float:
    return median(pair[of]["rate"] / pair[0]["rate"] for pair in results["pairs"])


def _us(run: dict[str, float]) -> float:
    """CPU an event, of all processes but the broker."""
    return run["us"] if "us" in run else run["worker_us"] + run["postgres_us"]


def _cpu_times(results: dict[str, Any]) -> float:
    small, large = results["scale"][0], results["scale"][-1]
    return float((large["worker_us"] + large["postgres_us"]) / (small["worker_us"] + small["postgres_us"]))


def _targets(results: dict[str, Any]) -> str:
    rows = [
        target("one worker and PostgreSQL, of the bare agent's rate", _ratio(results, 2), 0.6, at_least=True),
        target("the transport of lists with no engine, of the bare agent's rate", _ratio(results, 1), 1.5, at_least=True),
        target(LISTS, _ratio(results, 2), 1.5, at_least=True),
    ]  # fmt: skip
    found = table(("target", "wanted", "measured", ""), [(*row[:3], "met" if row[3] else "**missed**") for row in rows])
    bare, ours = (median(_us(pair[of]) for pair in results["pairs"]) for of in (0, 2))
    told = {"bare": bare, "ours": ours, "left": bare / 1.5}
    missed = "".join(f"\n**{name}.**{WHY[name].format(**told)}\n" for name, *_, met in rows if not met and name in WHY)
    return f"## Targets\n\n{found}{missed}"


def _rates(results: dict[str, Any]) -> str:
    pairs, rows = results["pairs"], []
    for name, of in (("Faust: `async for` in an agent, nothing done", 0), ("our transport of lists, nothing done", 1)):
        rows.append((name, *_rate([pair[of] for pair in pairs]), f"{median(pair[of]['us'] for pair in pairs):.1f}", ""))
    rows.append(
        ("Faust: `noack_take`, acknowledged in order", *_rate([results["take"]]), f"{results['take']['us']:.1f}", "")
    )
    runs = (
        ("**one worker**, the shipped rules", [pair[2] for pair in pairs]),
        (f"one worker, one rule (`{cluster.ONE_RULE}`)", [results["one_rule"]]),
        ("one worker, no rule", [results["no_rule"]]),
        ("two workers, the shipped rules, together", [results["two"]]),
    )
    for name, found in runs:
        us = [f"{median(run[process] for run in found):.1f}" for process in ("worker_us", "postgres_us")]
        rows.append((name, *_rate(found), *us))
    head = ("", "events/s", "", "CPU µs per event", "of PostgreSQL")
    return f"## Events per second\n\n{table(head, rows)}\n{TWO}"


def _rate(runs: list[dict[str, float]]) -> tuple[str, str]:
    rates = [run["rate"] for run in runs]
    return f"{median(rates):,.0f}", f"({min(rates):,.0f})" if len(rates) > 1 else ""


def _latency(results: dict[str, Any]) -> str:
    found = results["pairs"][-1][2]
    return (
        f"## From Kafka to the commit, at {cluster.STEADY_PER_S} events/s for {cluster.STEADY_S} s\n\n"
        + table(
            ("p50, ms", "p99, ms", "worst, ms"), [tuple(f"{found[k]:.0f}" for k in ("p50_ms", "p99_ms", "worst_ms"))]
        )
        + "\nFrom the broker's time stamp of the record to when another connection sees the batch that holds it as committed; the"
        + f"\ndatabase is asked every {cluster.STEADY_LOOK_S * 1e3:.0f} ms, by which the figures may be too high. One worker, the"
        + "\nshipped rules, a database that has taken the whole topic in before.\n"
    )


def _stages(results: dict[str, Any]) -> str:
    rows = [(stage, f"{us:.1f}") for stage, us in results["stages"]["us"].items()]
    return (
        f"## Where a worker's time goes: {results['stages']['events']:,} events without Kafka, CPU time\n\n"
        + table(("stage", "µs per event"), rows)
        + "\nA clock is read around each, so together they are somewhat more than a worker needs.\n"
    )


def _scale(results: dict[str, Any]) -> str:
    names = {
        "subjects": "subjects",
        "worker_us": "an event, µs",
        "postgres_us": "and of PostgreSQL",
        "wall_us": "elapsed, µs",
        "build_us": "to take in the first event of each, µs",
        "size_mb": "database, MB",
        "rss_mb": "RSS of the worker, MB",
    }
    rows = [tuple(f"{size[key]:,.0f}" for key in names) for size in results["scale"]]
    return (
        "## By the number of subjects: batches of 1,000 events about persons drawn from all\n\n"
        + table(tuple(names.values()), rows)
        + (
            f"\nCPU time of both at the largest number, times the smallest: {_cpu_times(results):.2f}.\n"
            if rows[1:]
            else ""
        )
    )
