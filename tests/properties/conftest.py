"""How often the laws are tried: the same worlds in every `make test`; in `make soak` new ones until its minutes are over."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from tests.lengths import SOAK_S, again, rounds
from tests.properties import marks

_slow = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
settings.register_profile(
    "short", max_examples=200, deadline=None, derandomize=True, report_multiple_bugs=False, suppress_health_check=_slow
)
settings.register_profile(
    "long", max_examples=3000, deadline=None, report_multiple_bugs=False, suppress_health_check=_slow
)
settings.load_profile("long" if SOAK_S else "short")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """In a soak a law is tried round after round. Hypothesis keeps a failing world, and begins with it the next time."""
    law = pyfuncitem.obj
    if not is_hypothesis_test(law):
        return (yield)

    def round_after_round(**given: Any) -> None:
        for _ in rounds(1):
            law(**given)

    pyfuncitem.obj = round_after_round
    marks.met.clear()
    with again(f"LAPOR_SOAK_MINUTES={0.1 if SOAK_S else 0} .venv/bin/python -m pytest '{pyfuncitem.nodeid}'"):
        result = yield
        marks.assert_often_met()
    return result
