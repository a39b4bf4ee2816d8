"""Tries of one claim in a child process, each bounded in CPU time and memory by the kernel.

A claim is a function of a seed that draws a hostile input and asserts what must hold of the answer. The child says which seed
it is about to try, so that a seed that kills it (SIGXCPU after `CPU_S`, a crash in compiled code) is known like one that fails.
"""

from __future__ import annotations

import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.lengths import rounds

Claim = Callable[[int], None]

CPU_S = 20  # for one input; generous, for what is slow here takes minutes
MEMORY_BYTES = 1024**3  # more than the process had before its first input


def failure(claim: Claim, seeds: Iterable[int], cpu_s: int = CPU_S, memory_bytes: int = MEMORY_BYTES) -> str:
    """What went wrong with the first seed of which the claim does not hold, ending in `seed N`; empty if it holds of all."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _try_all(claim, seeds, writing, cpu_s, memory_bytes)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if status == 0:
        return ""
    seed, _, what = told.rpartition("seed ")[2].partition("\n")
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        what = f"killed by {name}" + (f": more than {cpu_s} s of CPU time" if name == "SIGXCPU" else "")
    return f"{what}\nseed {seed}"


def command(claim: Claim, found: str) -> str:
    """The one command that tries the seed of a failure again, with the same limits."""
    return f"python -m tests.fuzz.replay {claim.__name__} {found.rpartition(' ')[2]}"


def _try_all(claim: Claim, seeds: Iterable[int], writing: int, cpu_s: int, memory_bytes: int) -> None:
    """In the child; does not come back."""
    status = 1
    try:
        limit_memory(memory_bytes)
        for seed in seeds:
            os.write(writing, f"seed {seed}\n".encode())
            limit_cpu(cpu_s)
            claim(seed)
        status = 0
    except BaseException:
        os.write(writing, traceback.format_exc(limit=-8)[-6000:].encode(errors="replace"))
    finally:
        os._exit(status)


def limit_memory(more_bytes: int) -> None:
    """From now on this process may have that much more address space than it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def limit_cpu(more_s: int) -> None:
    """From now on this process may use that much more CPU time; then SIGXCPU ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + more_s + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def holds(claim: Claim, seeds: int) -> None:
    """Asserts the claim for as many seeds; in a soak for as many fresh ones again and again."""
    for number in rounds(1):
        found = failure(claim, range(number * seeds, (number + 1) * seeds))
        assert not found, f"{found}\nreplay: {command(claim, found)}"
