"""`replay` and `load`: recorded events on a virtual clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from alerts.core.engine import alert_id
from alerts.sample.generate import write_sample
from tests.runtime.conftest import Run
from tests.runtime.office import Office, decisions, edit, event, extension, permit

X1 = "person:UTO:X1"
ALERT = alert_id("stay_expired", X1, "P1", 0)
COMPLETE = {"last_record_at": "2026-12-31T00:00:00+07:00", "count": 1, "complete_until": "2026-12-31T00:00:00+07:00"}
BEAT = event("b1", "feed.heartbeat.v1", "2026-01-01T00:00:00", COMPLETE)


def line(time: str, change: str, severity: str, **more: str) -> str:
    known = {"rule": "stay_expired", "subject": X1, "item": "P1", "severity": severity, "unit": "kesbangpol-15"}
    return json.dumps({"time": time, "change": change} | known | {"alert": ALERT} | more)


RAISED = line("2026-03-02T00:00:00+07:00", "raised", "high")
STEPPED = [
    line("2026-04-16T00:00:00+07:00", "stepped", "high"),
    line("2026-05-02T00:00:00+07:00", "stepped", "critical"),
]
EXPIRED = line("2026-08-29T00:00:00+07:00", "expired", "critical")
WITHDRAWN = line("2026-03-05T09:30:00+07:00", "withdrawn", "high")
NEWS = extension(1).replace(b'"data"', b'"receivedtime": "2026-03-05T02:30:00Z", "data"')


@pytest.fixture
def root(root: Path) -> Path:
    """Feeds are never silent here, and nothing warns before the last day."""
    edit(root, "feed_silent", "status: active", "status: retired")
    for rule in ("permit_last_filing_day", "stay_expiring"):
        edit(root, rule, "status: active", "status: draft")
    return root


def jsonl(tmp_path: Path, *raws: bytes, name: str = "events.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(b"".join(raw + b"\n" for raw in raws))
    return path


TABLE: dict[str, tuple[list[bytes], list[str], list[str]]] = {
    "it ends with the last event": ([BEAT, permit(1)], [], []),
    "the clock runs on": ([BEAT, permit(1)], ["--until", "2026-03-02"], [RAISED]),
    "not quite": ([BEAT, permit(1)], ["--until", "2026-03-01T23:59:59"], []),
    "an offset": ([BEAT, permit(1)], ["--until", "2026-03-01T17:00:00Z"], [RAISED]),
    "to the end": ([BEAT, permit(1)], ["--until", "2026-12-31"], [RAISED, *STEPPED, EXPIRED]),
    "from": ([BEAT, permit(1)], ["--from", "2026-04-01", "--until", "2026-05-01"], STEPPED[:1]),
    "from is inclusive": ([BEAT, permit(1)], ["--from", "2026-03-02", "--until", "2026-03-03"], [RAISED]),
    "late news": ([BEAT, permit(1), NEWS], ["--until", "2026-04-01"], [RAISED, WITHDRAWN]),
    "out of order in the file": ([NEWS, permit(1), BEAT], ["--until", "2026-04-01"], [RAISED, WITHDRAWN]),
    "news after until is not read": ([BEAT, permit(1), NEWS], ["--until", "2026-03-04"], [RAISED]),
    "the same line twice": ([BEAT, permit(1), permit(1), BEAT], ["--until", "2026-03-02"], [RAISED]),
    "what stands": ([BEAT, permit(1)], ["--standing", "--until", "2026-04-20"],
                    [line("2026-03-02T00:00:00+07:00", "raised", "high")]),
    "nothing stands": ([BEAT, permit(1), NEWS], ["--standing", "--until", "2026-04-20"], []),
    "blank lines": ([BEAT, b"", permit(1), b"   "], ["--until", "2026-03-02"], [RAISED]),
    "no events at all": ([], ["--until", "2026-03-02"], []),
}  # fmt: skip


@pytest.mark.parametrize("what", TABLE)
def test_one_line_per_change_with_these_keys_in_this_order(tmp_path: Path, run: Run, what: str) -> None:
    raws, options, lines = TABLE[what]
    done = run("replay", *options, jsonl(tmp_path, *raws))
    assert done.stdout.splitlines() == lines
    assert done.exit_code == 0
    assert not (tmp_path / "data").exists(), "it touches no database"
    assert run("replay", *options, "-", stdin=b"".join(raw + b"\n" for raw in raws)).stdout == done.stdout


def test_a_rule_on_trial_is_shown_only_when_asked_for(tmp_path: Path, root: Path, run: Run) -> None:
    edit(root, "stay_expired", "status: active", "status: shadow")
    options = ["--until", "2026-03-02", jsonl(tmp_path, BEAT, permit(1))]
    assert run("replay", *options).stdout == ""
    assert run("replay", "--shadow", *options).stdout.splitlines() == [RAISED]
    assert run("replay", "--standing", *options).stdout == ""
    assert run("replay", "--standing", "--shadow", *options).stdout.splitlines() == [RAISED]


def test_several_files_are_one_history_and_the_units_may_be_another_file(tmp_path: Path, run: Run) -> None:
    one, two = jsonl(tmp_path, NEWS, name="b.jsonl"), jsonl(tmp_path, permit(1), BEAT, name="a.jsonl")
    shipped = Path(__file__).parents[2] / "rules" / "units.yaml"
    lines = run("replay", "--until", "2026-04-01", "--units", shipped, one, two).stdout.splitlines()
    assert [json.loads(line)["unit"] for line in lines] == ["kesbangpol-15.06"] * 2
    assert run("replay", "--until", "2026-04-01", one, two).stdout.splitlines() == [RAISED, WITHDRAWN]


def test_refused_lines_are_told_with_their_place_and_the_rest_is_judged(tmp_path: Path, run: Run) -> None:
    bad = [b"{", permit(2, area="15.99"), b'{"id": 1}']
    file = jsonl(tmp_path, BEAT, bad[0], permit(1), bad[1], bad[2])
    done = run("replay", "--until", "2026-03-02", file)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [RAISED]
    assert [number for number in range(1, 7) if f"{file}:{number}: " in done.stderr] == [2, 4, 5]
    assert 'data.area: is not a known area code; write the Kemendagri code with dots, such as "15.06"' in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--until", "besok", "{file}"], "--until: 'besok' is no instant"),
        (["--from", "2026-13-01", "{file}"], "--from: '2026-13-01' is no instant"),
        (["nowhere.jsonl"], "no such file: nowhere.jsonl"),
        (["--rules", "nowhere", "{file}"], "nowhere:1:1 the folder cannot be read"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(tmp_path: Path, run: Run, arguments: list[str], said: str) -> None:
    file = jsonl(tmp_path, BEAT)
    done = run("replay", *(argument.format(file=file) for argument in arguments))
    assert done.exit_code == 2
    assert said in done.stderr


def test_the_same_events_print_the_same_bytes_in_every_process(tmp_path: Path, root: Path) -> None:
    write_sample(tmp_path / "sample", 3, date(2026, 1, 1), date(2026, 3, 2))
    arguments = ["replay", "--rules", str(root), "--shadow", "--until", "2026-04-01"]
    processes = [process(*arguments, str(tmp_path / "sample" / "events.jsonl"), seed=seed) for seed in ("0", "1")]
    one, two = (process.communicate()[0] for process in processes)
    assert one == two
    assert one.count(b"\n") > 100
    times = [json.loads(line)["time"] for line in one.splitlines()]
    assert times == sorted(times), "in the order in which they happened"


def test_a_reader_that_has_enough_ends_it_without_a_traceback(tmp_path: Path, root: Path) -> None:
    file = jsonl(tmp_path, BEAT, *(permit(number) for number in range(1, 1200)))  # more than a pipe holds
    replaying = process("replay", "--rules", str(root), "--until", "2026-03-02", str(file))
    assert replaying.stdout
    assert replaying.stderr
    assert json.loads(replaying.stdout.readline())["change"] == "raised"
    replaying.stdout.close()
    assert b"Traceback" not in replaying.stderr.read()
    replaying.stderr.close()
    replaying.wait()


def process(*arguments: str, seed: str = "0") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from alerts.cli import main; main()", *arguments]
    environment = os.environ | {"PYTHONHASHSEED": seed}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


# Loading ----------------------------------------------------------------------------------------------------------------


@pytest.mark.sqlite("history is loaded into a file")
def test_history_is_loaded_once_judged_as_replay_judges_it_and_told_to_nobody(
    tmp_path: Path, root: Path, run: Run
) -> None:
    file = jsonl(tmp_path, NEWS, permit(1), BEAT, permit(2))
    replayed = run("replay", "--until", "2026-12-31", file).stdout.splitlines()
    assert "loaded 4 events" in run("load", file).stderr
    office = Office(tmp_path / "data" / "lapor-dini.sqlite", decisions(root))
    changes = office.rows("SELECT change, alert FROM alert_changes ORDER BY number")
    wanted = [(line["change"], line["alert"]) for line in map(json.loads, replayed)]
    assert changes[: len(wanted)] == wanted[: len(changes)]
    assert office.notices() == []
    assert office.counters() == {"received": 4, "accepted": 4, "duplicate": 0, "quarantined": 0}
    again = run("load", file)
    assert again.exit_code == 2
    assert "has events already" in again.stderr
    assert office.counters()["received"] == 4
    assert run("rebuild", "--check").exit_code == 0
