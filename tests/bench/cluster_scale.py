"""An event at a given number of subjects in PostgreSQL: `python -m tests.bench.cluster_scale URL POSTMASTER SUBJECTS` prints one
line of JSON. What is built and measured is that of `scale`."""

from __future__ import annotations

import json
import sys
from statistics import median
from time import perf_counter

from alerts.runtime.intake import kept_event
from alerts.store.database import Address, connect
from alerts.store.store import Store
from tests.bench.scale import DUE, EVENTS, a_tick, an_event, built, complete
from tests.bench.servers import cpu_s
from tests.bench.workloads import calm, peak_mb, shipped_rules


def main() -> None:
    """Measure and print."""
    calm()
    url, postmaster, subjects = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    decided = complete(shipped_rules())
    store = Store(Address(url), kept_event(lambda: decided))
    build_s = built(store, decided, subjects)
    other = connect(Address(url))
    other.execute("VACUUM ANALYZE")  # as the server does by itself, now and not in the middle
    a_tick(store, decided, DUE)
    ours, servers, wall = [], [], []
    for series in "BCD":
        begun, before = perf_counter(), cpu_s(postmaster)
        ours.append(an_event(store, decided, subjects, series) * 1e6)
        servers.append((cpu_s(postmaster) - before) / EVENTS * 1e6)
        wall.append((perf_counter() - begun) / EVENTS * 1e6)
    ((size,),) = other.execute("SELECT pg_database_size(current_database())")
    print(
        json.dumps({
            "subjects": subjects,
            "build_us": build_s / subjects * 1e6,
            "worker_us": median(ours),
            "postgres_us": median(servers),
            "wall_us": median(wall),
            "size_mb": size / 1e6,
            "rss_mb": peak_mb(),
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
