"""One seed again: `python -m tests.simulation SEED` prints its mix, its last steps as sentences, and what broke.

`--digest` prints the digest of its log alone.
"""

from __future__ import annotations

import sys

from tests.simulation.simulation import simulate

LAST = 30


def main(seed: int, *options: str) -> int:
    run = simulate(seed)
    if "--digest" in options:
        print(run.world.digest())
    else:
        print(f"seed {seed}, faults: {', '.join(run.mix) or 'none'}", *run.world.steps[-LAST:], sep="\n")
        print(f"BROKEN {run.broken}" if run.broken else "every invariant holds")
    return 1 if run.broken else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), *sys.argv[2:]))
