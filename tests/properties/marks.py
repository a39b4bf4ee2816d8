"""Whether a law was tried on worlds that meet its case: it says of each, at its end, and `conftest` counts when it is done."""

from __future__ import annotations

met: list[bool] = []  # of the worlds that the law which runs was tried on


def mark(case: object) -> None:
    """This world meets the case of the law if there is anything of it."""
    met.append(bool(case))


def assert_often_met() -> None:
    assert 5 * sum(met) >= len(met), f"only {sum(met)} of {len(met)} worlds meet the case of the law"
