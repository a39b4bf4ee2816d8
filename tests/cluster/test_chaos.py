"""Two workers, two dispatchers, tick and web on one database suffer six faults while events flow: each event is applied once,
each notice owed is handed over, twice only where that is marked, and other systems are told what the database knows."""

from __future__ import annotations

from tests.cluster.chaos import suffer


def test_no_fault_of_a_cluster_loses_or_repeats_what_it_promised() -> None:
    figures = suffer(seed=1, faults=6, messages=4000, per_second=150, overstaying=0.4)
    assert figures.messages >= 4000
    assert figures.quarantined
    assert figures.duplicates
