"""Events as Imigrasi publishes them, about permits that ended ten days ago: `stay_expired` holds as soon as one is known."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

TODAY = datetime.now().astimezone().date()  # the service judges by the real clock
BATCH = {"content-type": "application/cloudevents-batch+json"}

Event = dict[str, Any]


def overstay(number: int, area: str = "15.06") -> Event:
    """The permit of a person of its own, which ended ten days ago."""
    return _permit(number, f"permit-{number}", f"EP{number:06d}", -300, -10, area=area)


def extension(number: int) -> Event:
    """Late news: the permit that followed, which explains it all."""
    return _permit(number, f"extension-{number}", f"EX{number:06d}", -10, 300)


def _permit(number: int, id: str, permit_no: str, from_days: int, until_days: int, **more: str) -> Event:
    person = {"issuing_state": "UTO", "passport_no": f"E{number:06d}"}
    valid = {"valid_from": str(TODAY + timedelta(from_days)), "valid_until": str(TODAY + timedelta(until_days))}
    data = {"person": person, "permit_no": permit_no, "kind": "ITAS", **valid, **more}
    time = f"{TODAY - timedelta(days=1)}T08:00:00+07:00"
    head = {"specversion": "1.0", "id": id, "source": "imigrasi/uji", "type": "stay_permit.issued.v1", "time": time}
    return head | {"data": data}
