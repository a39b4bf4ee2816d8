"""Tries one seed of one claim again, with the same limits: `python -m tests.fuzz.replay CLAIM SEED`."""

from __future__ import annotations

import sys

from tests.fuzz import conditions, events, files, templates
from tests.fuzz.bounded import CPU_S, MEMORY_BYTES, limit_cpu, limit_memory

CLAIMS = {claim.__name__: claim for module in (events, files, templates, conditions) for claim in module.CLAIMS}

if __name__ == "__main__":
    name, seed = sys.argv[1:]
    limit_memory(MEMORY_BYTES)
    limit_cpu(CPU_S)
    CLAIMS[name](int(seed))
