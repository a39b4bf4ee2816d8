"""What people decide in a run: the shipped rules with few SMS an hour and one rule on trial, and edits of them in mid-run.

Every edit is a folder that the real loader reads, once per process.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from alerts.core.calendar import civil_date
from alerts.runtime.settle import Decided, read_decisions

SHIPPED = Path(__file__).parents[2] / "rules"
LOADED = datetime(2026, 1, 1, tzinfo=UTC)
TRIAL = "sktt_missing"  # a shadow rule from the beginning

Edit = tuple[str, str, str]  # file, what it says, what it is to say
ALWAYS: tuple[Edit, ...] = (
    ("policy.yaml", "per_officer_per_hour: 10", "per_officer_per_hour: 1"),
    ("policy.yaml", "at_least_alerts: 20", "at_least_alerts: 5"),
    (f"{TRIAL}.yaml", "status: active", "status: shadow"),
)
EDITS: dict[str, tuple[Edit, ...]] = {
    "as shipped": (),
    "another title": (("stay_expired.yaml", "Indikasi izin tinggal berakhir", "Indikasi izin tinggal telah berakhir"),),
    "another deadline": (("stay_expired.yaml", "stay.valid_until + 1d", "stay.valid_until + 4d"),),
    "milder steps": (("stay_expired.yaml", "{at: 0d, severity: high}", "{at: 0d, severity: medium}"),),
    "back to shadow": (("stay_expired.yaml", "status: active", "status: shadow"),),
    "longer kept": (("stay_expiring.yaml", "keep: 31d", "keep: 45d"),),
    "retired": (("no_location_after_arrival.yaml", "status: active", "status: retired"),),
    "trial over": ((f"{TRIAL}.yaml", "status: shadow", "status: active"),),
    "broken": (("stay_expiring.yaml", "about: person", "about: nobody"),),
}


@cache
def decisions(edit: str) -> Decided | None:
    """What the edited folder decides; None where the loader refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "rules"
        shutil.copytree(SHIPPED, root)
        for name, old, new in (*ALWAYS, *EDITS[edit]):
            (path,) = root.rglob(name)
            text = path.read_text(encoding="utf-8")
            assert old in text, f"{name} does not say {old!r}"
            path.write_text(text.replace(old, new, 1), encoding="utf-8")
        decided, problems, _ = read_decisions(root, LOADED, civil_date(LOADED))
        assert (decided is None) == bool(problems)
        return decided
