"""Where a worker's time goes, without Kafka: `python -m tests.bench.cluster_stages URL POSTMASTER FILE` prints one line of JSON.

The batches are those of a worker that is behind. CPU time of this process by stage, with a clock read around each, and of the
database; what waits for the other is in neither.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from time import process_time

from alerts.core import people
from alerts.core import turn as turn_module
from alerts.runtime import clock, intake
from alerts.runtime.worker import BATCH
from alerts.store.database import Address, connect
from alerts.store.store import Store
from tests.bench.durable import timed
from tests.bench.servers import cpu_s
from tests.bench.workloads import calm, shipped_rules

EVENTS, WARM = 100_000, 25_000


def main() -> None:
    """Measure and print."""
    calm()
    url, postmaster, file = sys.argv[1:]
    raws, decided, spent = Path(file).read_bytes().splitlines()[: EVENTS + WARM], shipped_rules(), dict[str, float]()
    store = Store(Address(url), intake.kept_event(lambda: decided))

    def apply(raws: list[bytes]) -> None:
        for at in range(0, len(raws), BATCH):
            now = clock.now()
            intake.take_safely(
                store, decided, [(raw, intake.read_event(raw, now, decided)) for raw in raws[at : at + BATCH]], now
            )

    apply(raws[:WARM])
    with_statistics = connect(Address(url))
    with_statistics.execute("ANALYZE")
    with_statistics.close()
    with ExitStack() as stack:
        for stage, owner, name in (
            ("decode", intake, "read_event"),
            ("judge", intake, "turn"),
            ("fold", people, "apply"),
            ("rules", turn_module, "step"),
            ("plan and guard", intake, "_to_tell"),
            ("write", Store, "commit"),
        ):
            stack.enter_context(timed(spent, stage, owner, name))
        cpu, server = process_time(), cpu_s(int(postmaster))
        apply(raws[WARM:])
        cpu, server = process_time() - cpu, cpu_s(int(postmaster)) - server
    spent["identify and look up"] = spent.pop("judge") - spent["fold"] - spent["rules"]
    spent["the rest"] = cpu - sum(spent.values())
    spent["PostgreSQL's processes"] = server
    count = len(raws) - WARM
    print(json.dumps({"events": count, "us": {stage: s / count * 1e6 for stage, s in spent.items()}}))


if __name__ == "__main__":
    main()
