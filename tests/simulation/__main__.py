"""`python -m tests.simulation SEED`: one seed again, its last steps as sentences."""

from __future__ import annotations

import sys
from collections import Counter
import time
from tests.simulation.simulation import *

marks = Counter()
for a in sys.argv[1:]:
    lo, _, hi = a.partition("-")
    for seed in range(int(lo), int(hi or lo) + 1):
        with tempfile.TemporaryDirectory(dir=FAST) as f:
            t = time.perf_counter()
            s = Simulation(seed, Path(f))
            try:
                s.run()
            except BaseException as e:
                if not hi:
                    print("\n".join(s.world.steps[-40:]))
                    raise
                print(seed, type(e), str(e)[:300])
            else:
                print(seed, time.perf_counter() - t, len(s.world.steps))
            marks += s.world.marks
if hi:
    for k, v in sorted(marks.items()):
        print(v, k)
