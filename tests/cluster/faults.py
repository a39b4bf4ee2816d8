"""What is done to a cluster while events flow. Each comes back when the harm is done; then everything must flow again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tests.cluster.agency import Agency
from tests.cluster.cluster import Cluster
from tests.e2e.service import ROOT

OFFICE_EVENTS = 200
SURELY_FROZEN_S = 1.5  # a turn that goes on says something to the database more often than that


def killed(role: str) -> Callable[[Cluster, Agency, Random], None]:
    def kill(it: Cluster, agency: Agency, rng: Random) -> None:
        it.any(role, rng).send(signal.SIGKILL)

    return kill


def stopped(role: str) -> Callable[[Cluster, Agency, Random], None]:
    def stop(it: Cluster, agency: Agency, rng: Random) -> None:
        member = it.any(role, rng)
        before = len(member.exits)
        member.send(signal.SIGTERM)
        it.until(lambda: len(member.exits) > before, f"{member.name} ends")
        assert member.exits[before] in (0, -signal.SIGTERM), f"{member.name} ended with {member.exits[before]}"

    return stop


def worker_frozen(it: Cluster, agency: Agency, rng: Random) -> None:
    """Longer than the session: the other has its partitions meanwhile."""
    member = it.any("worker", rng)
    member.send(signal.SIGSTOP)
    it.moves(f"while {member.name} is frozen")
    member.send(signal.SIGCONT)


def worker_frozen_inside(it: Cluster, agency: Agency, rng: Random) -> None:
    """Inside its transaction, longer than the database bears it: the turn is free again, and what it did is taken back."""
    member = it.any("worker", rng)

    def caught() -> bool:
        member.send(signal.SIGSTOP)
        while (held := it.turn_held()) and held[1] == "idle in transaction":
            if held[2] > SURELY_FROZEN_S:
                return True
        member.send(signal.SIGCONT)
        return False

    it.until(caught, f"{member.name} is frozen inside a turn")
    it.moves(f"while {member.name} is frozen inside a turn")
    member.send(signal.SIGCONT)


def dispatcher_killed(it: Cluster, agency: Agency, rng: Random) -> None:
    """Inside a hand-off: the carrier has the mail, and has not answered."""
    with handing_over(it):
        it.any("dispatch", rng).send(signal.SIGKILL)


def dispatcher_frozen(it: Cluster, agency: Agency, rng: Random) -> None:
    """Inside a hand-off, longer than its leases: the other takes it over."""
    member = it.any("dispatch", rng)
    with handing_over(it):
        member.send(signal.SIGSTOP)
        left = set(it.rows(SENDING))
    it.until(lambda: not left & set(it.rows(SENDING)), f"nothing is left with {member.name}")
    it.moves(f"while {member.name} is frozen")
    member.send(signal.SIGCONT)


SENDING = "SELECT id, sender FROM notices WHERE state = 'sending'"


@contextmanager
def handing_over(it: Cluster) -> Iterator[None]:
    """While the block runs, both dispatchers have mails with the carrier that it does not answer."""
    it.carriers.answering.clear()
    try:
        both = f"SELECT count(DISTINCT sender) FROM ({SENDING}) AS sending"
        it.until(lambda: it.rows(both) == [(2,)], "both hand over")
        yield
    finally:
        it.carriers.answering.set()


def broker_killed(it: Cluster, agency: Agency, rng: Random) -> None:
    it.broker.kill()
    it.broker.start()


def database_crashed(it: Cluster, agency: Agency, rng: Random) -> None:
    it.database.stop("immediate")
    it.database.start()


def sessions_ended(it: Cluster, agency: Agency, rng: Random) -> None:
    sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'lapor-dini'"
    found = sorted(pid for (pid,) in it.rows(sql))
    for pid in rng.sample(found, k=min(3, len(found))):
        it.rows(f"SELECT pg_terminate_backend({pid})")


def all_sessions_ended(it: Cluster, agency: Agency, rng: Random) -> None:
    it.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lapor-dini'")


def rebalanced_during_a_slow_turn(it: Cluster, agency: Agency, rng: Random) -> None:
    """A third worker dies while batches wait for their turn; the group waits for them, or goes on without them."""
    third = it.hire("worker")
    it.until(third.ready, f"{third.name} is ready")
    it.moves("with a third worker")
    with it.turns_held():
        waiting = "SELECT count(*) > 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        it.until(lambda: it.rows(waiting) == [(True,)], "batches wait for their turn")
        it.dismiss(third, signal.SIGKILL)
        it.until(lambda: it.group()["group_state"] != "Stable", "the group rebalances")


def publisher_died(it: Cluster, agency: Agency, rng: Random) -> None:
    """An office's publisher dies half way, and is started again."""
    first = agency.office_numbers(OFFICE_EVENTS)
    spool = str(it.folder / f"office-{first}")

    def run(number: int) -> int:
        arguments = [spool, it.broker.servers, str(first), str(number)]
        return subprocess.run(
            [sys.executable, "-m", "tests.cluster.office", *arguments], cwd=ROOT, check=False
        ).returncode

    assert run(OFFICE_EVENTS) == -signal.SIGKILL
    assert run(0) == 0


def everything_at_once(it: Cluster, agency: Agency, rng: Random) -> None:
    """As when the power of a machine is cut."""
    for member in it.members:
        member.send(signal.SIGKILL)
    it.broker.kill()
    it.database.stop("immediate")
    it.database.start()
    it.broker.start()


Fault = Callable[[Cluster, Agency, Random], None]
FAULTS: dict[str, Fault] = {
    "kill -9 of a worker": killed("worker"),
    "kill -9 of a dispatcher": dispatcher_killed,
    "kill -9 of tick": killed("tick"),
    "kill -9 of web": killed("web"),
    "SIGTERM of a worker": stopped("worker"),
    "SIGTERM of a dispatcher": stopped("dispatch"),
    "a frozen worker": worker_frozen,
    "a worker frozen inside its transaction": worker_frozen_inside,
    "a frozen dispatcher": dispatcher_frozen,
    "kill -9 of the broker": broker_killed,
    "an immediate restart of PostgreSQL": database_crashed,
    "sessions of PostgreSQL ended": sessions_ended,
    "all sessions of PostgreSQL ended": all_sessions_ended,
    "a rebalance during a slow turn": rebalanced_during_a_slow_turn,
    "a publisher that died half way": publisher_died,
    "kill -9 of everything": everything_at_once,
}
# Those that the short form always has; it draws the rest.
FOREMOST = (
    "kill -9 of a worker",
    "a worker frozen inside its transaction",
    "kill -9 of a dispatcher",
    "an immediate restart of PostgreSQL",
    "kill -9 of the broker",
)


def plan(rng: Random, count: int) -> list[str]:
    """The foremost and others to that number, in a drawn order; each kind before any comes again."""
    if count < len(FAULTS):
        others = rng.sample(sorted(FAULTS.keys() - set(FOREMOST)), k=max(0, count - len(FOREMOST)))
        return rng.sample([*FOREMOST, *others], k=count)
    drawn: list[str] = []
    while len(drawn) < count:
        drawn += rng.sample(sorted(FAULTS), k=len(FAULTS))
    return drawn[:count]
