"""How often the laws are tried: the same worlds in every run of CI, new ones where LAPOR_LAWS=more asks for many."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_slow = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
settings.register_profile(
    "short", max_examples=200, deadline=None, derandomize=True, report_multiple_bugs=False, suppress_health_check=_slow
)
settings.register_profile(
    "more", max_examples=3000, deadline=None, report_multiple_bugs=False, suppress_health_check=_slow
)
settings.load_profile("more" if os.environ.get("LAPOR_LAWS") == "more" else "short")
