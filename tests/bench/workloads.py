"""The events that are measured: the sample year of Jambi, and the workload shared with other engines, mapped to the catalogue."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from alerts.core.events.areas import AreaCodes
from alerts.runtime.settings import shipped
from alerts.runtime.settle import Decided, read_decisions
from alerts.sample.generate import write_sample

HERE = Path(__file__).parent
PEERS = HERE / "peers"
NOW = datetime(2026, 11, 1, tzinfo=UTC)  # when the rules are read: only their review dates look at it

_TYPES = {  # of the shared workload: ours, and the source that publishes it
    "arrival_recorded": ("arrival.recorded.v1", "imigrasi/jambi"),
    "stay_permit_issued": ("stay_permit.issued.v1", "imigrasi/jambi"),
    "departure_recorded": ("departure.recorded.v1", "imigrasi/jambi"),
    "location_report": ("location.reported.v1", "kecamatan/kerinci"),
    "lodging_checkin": ("lodging.checked_in.v1", "lodging/apoa"),
}
_SHARED_AREAS = AreaCodes({f"{p}.{q:02}": "area" for p in range(11, 31) for q in range(1, 21)})
RULE_OF = {"R1": "stay_expired", "R2": "no_report_after_arrival", "R3": "unregistered_workplace"}


_NAMES = re.compile(  # in the line of an event, before what is to be another in each sample year
    r'"(?:id|supersedes|(?:previous_)?passport_no|niora|permit_no|rptka_no|supersedes_rptka|lodging_id|org_id)":"'
    r"|person:(?:UTO|NIORA|PERMIT):"
)
_NIB = re.compile(r'(nib":")999')


class _Received(msgspec.Struct):
    receivedtime: datetime


RECEIVED = msgspec.json.Decoder(_Received)

Line = tuple[datetime, bytes]  # when it was received, and the event


def processor() -> str:
    """What the machine calls its own."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return next((line.partition(": ")[2] for line in info.splitlines() if line.startswith("model name")), "?")


def calm() -> None:
    """As the command line does at its start."""
    gc.set_threshold(100_000, 20, 100)


def peak_mb() -> float:
    """The most memory that this process had. (`getrusage` counts what its parent had when it was started.)"""
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found) / 1024


def shipped_rules() -> Decided:
    """The rules that we ship, with everything they need."""
    return _decided(shipped("rules"))


def shared_rules() -> Decided:
    """The three rules of the shared workload, and its areas."""
    decided = _decided(HERE / "rules")
    return msgspec.structs.replace(decided, setup=msgspec.structs.replace(decided.setup, areas=_SHARED_AREAS))


def _decided(root: Path) -> Decided:
    decided, problems, _ = read_decisions(root, NOW, NOW.date())
    assert decided, "\n".join(problems)
    return decided


def year(folder: Path) -> Path:
    """The sample year, seed 7."""
    write_sample(folder, 7, date(2026, 1, 1), date(2027, 1, 1))
    return folder / "events.jsonl"


def years(folder: Path, count: int, begin: date = date(2026, 1, 1), end: date = date(2027, 1, 1)) -> Path:
    """So many sample years at once: the people, permits, employers, lodgings and institutions of each are others, the offices and
    places the same."""
    with (folder / "years.jsonl").open("w", encoding="utf-8") as file:
        for number in range(count):
            write_sample(folder, 100 + number, begin, end)
            for line in (folder / "events.jsonl").open(encoding="utf-8"):
                named = _NAMES.sub(rf"\g<0>{chr(ord('A') + number)}", line)
                file.write(_NIB.sub(rf"\g<1>9{number:02}", named))
    return folder / "years.jsonl"


def lines_of(path: Path) -> list[Line]:
    """The events of a file, in the order of receipt."""
    return sorted(
        ((RECEIVED.decode(raw).receivedtime, raw) for raw in path.read_bytes().splitlines()), key=lambda e: e[0]
    )


def shared(folder: Path, events: int, persons: int) -> tuple[Path, Path, datetime]:
    """The shared workload: the file as other engines read it, the same events for us, and the instant at which it ends."""
    theirs, ours = folder / f"shared-{events}.jsonl", folder / f"shared-{events}-mapped.jsonl"
    with theirs.open("wb") as file:
        command = [sys.executable, PEERS / "gen.py", "--events", str(events), "--persons", str(persons), "--seed", "1"]
        subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=True)
    until = None
    with ours.open("wb") as file:
        for line in theirs.open("rb"):
            event = json.loads(line)
            if event["type"] == "clock":
                until = datetime.fromisoformat(event["received_at"])
            else:
                file.write(json.dumps(_mapped(event), separators=(",", ":")).encode() + b"\n")
    assert until
    return theirs, ours, until


def _mapped(event: dict[str, Any]) -> dict[str, Any]:
    kind, source = _TYPES[event["type"]]
    mapped = {"specversion": "1.0", "id": event["id"], "source": source, "type": kind, "time": event["at"]}
    person = {"issuing_state": "UTO", "passport_no": event["person"].upper()}
    return mapped | {"receivedtime": event["received_at"], "data": {"person": person, **_data(kind, event)}}


def _data(kind: str, event: dict[str, Any]) -> dict[str, Any]:
    at, day = event["at"], event["at"][:10]
    match kind:
        case "arrival.recorded.v1":
            return {"entry_date": day, "port": event["port"], "area": event["area"]}
        case "departure.recorded.v1":
            return {"exit_date": day, "port": event["port"]}
        case "location.reported.v1":
            return {"area": event["area"], "observed_at": at, "reporter_role": "camat"}
        case "lodging.checked_in.v1":
            return {"lodging_id": event["lodging"], "area": event["area"], "checked_in_at": at}
    permit = {"permit_no": event["permit_no"], "kind": "ITAS", "valid_from": day, "valid_until": event["valid_until"]}
    return permit | {"locations": event["locations"]}


def permit(number: int, day: date, received: datetime, valid_until: str, series: str) -> bytes:
    """One stay permit as an event."""
    data = {
        "person": {"issuing_state": "UTO", "passport_no": f"X{number:07}"},
        "permit_no": f"{series}{number:07}",
        "kind": "ITK",
        "valid_from": day.isoformat(),
        "valid_until": valid_until,
        "area": "15.06",
    }
    event = {
        "specversion": "1.0",
        "id": f"{series}{number:07}",
        "source": "imigrasi/jambi",
        "type": "stay_permit.issued.v1",
    }
    return json.dumps(event | {"time": received.isoformat(), "data": data}, separators=(",", ":")).encode()
