"""Faults in a loop while events flow, then quiet, then the books: `python -m tests.cluster.chaos [SEED]` (`make chaos`).

FAULTS faults, 30 if not said, and EVENTS messages, 100,000 if not said; `test_chaos` is the short form.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from tests.cluster.agency import Agency
from tests.cluster.books import Figures, check, quiet
from tests.cluster.cluster import Cluster, cluster
from tests.cluster.faults import FAULTS, plan
from tests.lengths import again_by


def suffer(seed: int, faults: int, messages: int, per_second: int, overstaying: float) -> Figures:
    """So many faults, and at least so many messages; the plan is drawn from the seed."""
    rng = Random(seed)
    drawn = plan(rng, faults)
    print(f"seed {seed}: {', '.join(drawn)}", flush=True)
    begun = time.monotonic()
    call = f"suffer({seed}, {faults}, {messages}, {per_second}, {overstaying})"
    with (
        again_by("tests.cluster.chaos", call),
        tempfile.TemporaryDirectory() as name,
        cluster(Path(name)) as it,
        ThreadPoolExecutor(1) as pool,
    ):
        agency = Agency(it.broker.servers, it.folder / "spool", Random(seed), per_second, overstaying)
        it.publishing = pool.submit(agency.run)
        try:
            it.moves("at the start")
            for fault in drawn:
                _suffer(it, agency, fault, rng)
            it.until(lambda: agency.published >= messages, "enough is published")
        finally:
            agency.stop()
            it.publishing.result()
        quiet(it)
        exits = Counter((member.role, code) for member in it.members for code in member.exits)
        figures = check(it, agency)
    print(f"  {figures}\n  odd {agency.odd}\n  ended {dict(exits)}\n  {time.monotonic() - begun:.0f} s", flush=True)
    return figures


def _suffer(it: Cluster, agency: Agency, fault: str, rng: Random) -> None:
    begun = time.monotonic()
    FAULTS[fault](it, agency, rng)
    suffered = time.monotonic()
    it.moves(f"after {fault}")
    print(f"  {fault}: {suffered - begun:.1f} s, {time.monotonic() - suffered:.1f} s until all moved;"
          f" {agency.published} published", flush=True)  # fmt: skip


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else time.time_ns() // 1_000_000
    faults, messages = int(os.environ.get("FAULTS", "30")), int(os.environ.get("EVENTS", "100000"))
    print(Counter(plan(Random(seed), faults)))
    suffer(seed, faults, messages, per_second=300, overstaying=0.1)


if __name__ == "__main__":
    main()
