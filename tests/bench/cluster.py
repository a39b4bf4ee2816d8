"""`make bench-cluster`: workers on a real broker and a real PostgreSQL (fsync on), and the page CLUSTER.md that says what came out.

The topic holds some sample years of other people each, published before anything is measured, in the order of receipt. Every run
reads it from its beginning, a worker into a database of its own; all processes share the cores of this machine. Targets are judged
by ratios of figures measured in turn in this one run; nothing here passes or fails. Numbers given as arguments are the sample
years, the rounds and the numbers of subjects, for a shorter run.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg
from kafka import KafkaProducer

from alerts.runtime.settings import shipped
from alerts.store.database import Address
from tests.bench import cluster_page
from tests.bench.servers import Servers, cpu_s, publish, send, servers, workers
from tests.bench.workloads import HERE, lines_of, processor, years
from tests.servers.kafka import VERSION as KAFKA

YEARS, ROUNDS = 8, 3
WARM = 0.15  # of the events, before the clock starts and the tables have statistics, as a server makes them within a minute
LOOK_S = 0.1
STEADY_PER_S, STEADY_S, STEADY_LOOK_S = 500, 20, 0.005
SUBJECTS = (10_000, 1_000_000)
ONE_RULE = "stay_expired"
PATIENCE_S = 900


def events(folder: Path, count: int) -> tuple[list[bytes], list[bytes]]:
    """So many sample years up to yesterday, in the order of receipt; and the events of one more, of other people again."""
    end = (datetime.now(UTC) - timedelta(days=1)).date()
    path = years(folder, count + 1, end - timedelta(days=365), end)
    ours = [raw for _, raw in lines_of(path)]
    last = f'"id":"{chr(ord("A") + count)}'.encode()
    return [raw for raw in ours if last not in raw], [raw for raw in ours if last in raw]


def bare(on: Servers, how: str, count: int) -> dict[str, float]:
    """Events/s of Faust with nothing behind it."""
    command = [sys.executable, "-m", "tests.bench.bare", how, on.kafka.servers, str(count)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout
    found = json.loads(printed.splitlines()[-1])
    return told(f"bare {how}", {"rate": found["events"] / found["s"], "us": found["cpu_s"] / found["events"] * 1e6})


def worked(on: Servers, count: int, many: int = 1, steady: Sequence[bytes] = (), **settings: str) -> dict[str, float]:
    """Events/s of so many workers from WARM of the topic to its end, and CPU per event by process; then, with `steady`, the
    latency of these at a steady rate."""
    database = on.database()
    with workers(on, database, many, **settings) as running, closing(_watching(database)) as watch:
        begin = _reached(watch, int(count * WARM))
        watch.execute("ANALYZE")
        begun, before = time.perf_counter(), _spent(on, running)
        begin = sum(_positions(watch).values())
        _reached(watch, count)
        passed, after = time.perf_counter() - begun, _spent(on, running)
        found = {name: (after[name] - before[name]) / (count - begin) * 1e6 for name in after}
        found["rate"] = (count - begin) / passed
        if steady:
            found |= latencies(on, watch, steady)
    on.postgres.drop(database.url)
    return told(f"{many} worker(s) {settings or ''}", found)


def latencies(on: Servers, watch: psycopg.Connection[Any], raws: Sequence[bytes]) -> dict[str, float]:
    """From the broker's time stamp of an event to when another connection saw that its batch was committed, in ms. The
    database is asked every STEADY_LOOK_S, by which the figures may be too high."""
    looks: list[tuple[float, dict[int, int]]] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(STEADY_LOOK_S):
            looks.append((time.time(), _positions(watch)))

    looking = threading.Thread(target=look)
    with KafkaProducer(bootstrap_servers=on.kafka.servers) as producer:
        looking.start()
        begun, sent = time.monotonic(), []
        for number, raw in enumerate(raws):
            if (ahead := begun + number / STEADY_PER_S - time.monotonic()) > 0:
                time.sleep(ahead)
            sent.append(send(producer, raw))
        records = [future.get(30) for future in sent]
    ends = {r.partition: max(e.offset for e in records if e.partition == r.partition) for r in records}
    deadline = time.monotonic() + PATIENCE_S
    while not looks or any(looks[-1][1].get(p, -1) < end for p, end in ends.items()):
        assert time.monotonic() < deadline, "what was published last was not applied"
        done.wait(STEADY_LOOK_S)
    done.set()
    looking.join()
    late = []
    for partition in ends:
        seen = iter(looks)
        at, state = next(seen)
        for record in sorted((r for r in records if r.partition == partition), key=lambda r: r.offset):
            while state.get(partition, -1) < record.offset:
                at, state = next(seen)
            late.append(at * 1e3 - record.timestamp)
    cuts = quantiles(late, n=100)
    return {"p50_ms": cuts[49], "p99_ms": cuts[98], "worst_ms": max(late)}


@contextmanager
def rules(folder: Path, *active: str) -> Iterator[Path]:
    """The shipped folder with all other rules as drafts, which are not judged."""
    copy = folder / "rules-{}".format("-".join(active) or "none")
    shutil.copytree(shipped("rules"), copy)
    for path in copy.rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if "\nstatus: active" in text and path.stem not in active:
            path.write_text(text.replace("\nstatus: active", "\nstatus: draft"), encoding="utf-8")
    yield copy


def measured(on: Servers, module: str, *arguments: str) -> dict[str, Any]:
    """What a process of its own prints that uses a new database, with the database's share of the CPU."""
    database = on.database()
    postmaster = (on.postgres.folder / "postmaster.pid").read_text().split()[0]
    command = [sys.executable, "-m", module, database.url, postmaster, *arguments]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    on.postgres.drop(database.url)
    return told(f"{module} {arguments}", json.loads(printed.stdout.splitlines()[-1]))


def told(what: str, found: dict[str, Any]) -> dict[str, Any]:
    print(what, {name: round(value, 2) if isinstance(value, float) else value for name, value in found.items()},
          f"load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    return found


def _watching(database: Address) -> psycopg.Connection[Any]:
    return psycopg.connect(database.url, autocommit=True)


def _positions(watch: psycopg.Connection[Any]) -> dict[int, int]:
    return dict(watch.execute("SELECT partition, position FROM applied").fetchall())


def _reached(watch: psycopg.Connection[Any], count: int) -> int:
    """How many records were applied when it was `count` of them or more."""
    deadline = time.monotonic() + PATIENCE_S
    while (now := sum(at + 1 for at in _positions(watch).values())) < count:
        assert time.monotonic() < deadline, f"{now} of {count} events applied"
        time.sleep(LOOK_S)
    return now


def _spent(on: Servers, running: Sequence[subprocess.Popen[bytes]]) -> dict[str, float]:
    return {
        "worker_us": sum(cpu_s(process.pid) for process in running),
        "postgres_us": on.postgres_cpu_s(),
        "kafka_us": on.kafka_cpu_s(),
    }


def main() -> None:
    """Measure everything, print it, write CLUSTER.md."""
    count, rounds, *subjects = map(int, sys.argv[1:]) if sys.argv[1:] else (YEARS, ROUNDS, *SUBJECTS)
    with tempfile.TemporaryDirectory() as made, servers() as on:
        folder = Path(made)
        topic, more = events(folder, count)
        publish(on, topic)
        results: dict[str, Any] = {"years": count, "events": len(topic), "rounds": rounds, "load": [os.getloadavg()[0]]}
        bare(on, "agent", len(topic) // 4)  # the broker's pages and code are warm for all
        pairs = []
        for number in range(rounds):
            steady = more[: STEADY_PER_S * STEADY_S] if number == rounds - 1 else ()
            pairs.append(
                [bare(on, "agent", len(topic)), bare(on, "lists", len(topic)), worked(on, len(topic), 1, steady)]
            )
            results["load"].append(os.getloadavg()[0])
        total = len(topic) + len(steady)
        results |= {"pairs": pairs, "take": bare(on, "take", total), "two": worked(on, total, 2)}
        for name, active in (("one_rule", (ONE_RULE,)), ("no_rule", ())):
            with rules(folder, *active) as kept:
                results[name] = worked(on, total, 1, LAPOR_RULES=str(kept))
        (folder / "stages.jsonl").write_bytes(b"\n".join(topic))
        results["stages"] = measured(on, "tests.bench.cluster_stages", str(folder / "stages.jsonl"))
        results["scale"] = [measured(on, "tests.bench.cluster_scale", str(number)) for number in subjects]
        with psycopg.connect(on.postgres.admin) as asked:
            postgres = asked.info.parameter_status("server_version")
    machine = (
        f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}, PostgreSQL {postgres}, Kafka {KAFKA},"
        f" Faust {version('faust-streaming')}, aiokafka {version('aiokafka')}"
    )
    print(json.dumps(results))
    text = cluster_page.written(results, machine, datetime.now(UTC).date().isoformat())
    print(text)
    (HERE / "CLUSTER.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
