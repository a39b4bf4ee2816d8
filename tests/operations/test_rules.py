"""What operators are given fits what is exported: Prometheus itself accepts the alert rules, each fires when it should, and rules
and dashboard ask for no number that nobody tells."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from alerts.core.health import Consumer
from alerts.runtime.intake import kept_event
from alerts.runtime.meters import Meters
from alerts.runtime.settle import read_decisions
from alerts.store.pages import Pages
from alerts.store.store import Store
from alerts.web.app import RulesState, Work, create_app
from tests.servers.promtool import promtool

ROOT = Path(__file__).parents[2]
GIVEN = ROOT / "alerts" / "operations"
CASES = Path(__file__).with_name("rules.test.yaml")
NOW = datetime(2026, 3, 10, 1, tzinfo=UTC)
METRIC = re.compile(r"\b(?:lapor_dini|process)_[a-z_]+\b")
ONLY_WHERE_THERE_ARE_SOME = {"lapor_dini_held_alerts", "lapor_dini_alerts_standing"}


def checked(*arguments: str | Path) -> str:
    done = subprocess.run([promtool(), *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def alert_rules() -> list[dict[str, Any]]:
    return [rule for group in YAML(typ="safe").load(GIVEN / "rules.yaml")["groups"] for rule in group["rules"]]


def test_prometheus_accepts_the_rules() -> None:
    assert checked("check", "rules", GIVEN / "rules.yaml") == ""


def test_every_alert_fires_in_its_case_and_not_before() -> None:
    assert checked("test", "rules", CASES) == ""
    named = {case["name"].partition(":")[0] for case in YAML(typ="safe").load(CASES)["tests"]}
    assert {rule["alert"] for rule in alert_rules()} <= named, "each has a case"


def test_a_rule_that_never_fires_is_caught_by_its_case(tmp_path: Path) -> None:
    never = re.sub(r"alert: \w+", "alert: Other", (GIVEN / "rules.yaml").read_text())
    (tmp_path / "rules.yaml").write_text(never)
    (tmp_path / CASES.name).write_text(CASES.read_text().replace("../../alerts/operations/", ""))
    told = checked("test", "rules", tmp_path / CASES.name)
    assert [rule["alert"] for rule in alert_rules() if rule["alert"] not in told] == []


def test_every_alert_says_who_gets_up_and_what_to_do_and_stands_in_the_readme() -> None:
    page = (ROOT / "README.md").read_text()
    for rule in alert_rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"].keys() == {"summary", "action"}
        assert f"`{rule['alert']}`" in page


async def exported(folder: Path) -> set[str]:
    """The names of every series that a process which does everything exports."""
    decided, problems, _ = read_decisions(ROOT / "rules", NOW, NOW.date())
    assert decided, problems
    path = folder / "lapor-dini.sqlite"
    Store(path, kept_event(lambda: decided)).close()
    meters = Meters()
    work = Work(lambda: meters.turns, lambda: Consumer({("lapor.events.v1", 0): 1}, NOW), meters.registry)
    state = RulesState(decided.settled, (), NOW)
    app = create_app(intake=None, pages=Pages(path), state=lambda: state, mailbox=None, hosts=(), work=work)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        text = (await client.get("/metrics")).text
    families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    return families | {METRIC.match(line)[0] for line in text.splitlines() if METRIC.match(line)}  # type: ignore[index]


async def test_rules_and_dashboard_ask_only_for_what_is_exported_and_for_all_of_ours(tmp_path: Path) -> None:
    names = await exported(tmp_path)
    assert names >= ONLY_WHERE_THERE_ARE_SOME
    panels = json.loads((GIVEN / "dashboard.json").read_text())["panels"]
    asked = [rule["expr"] for rule in alert_rules()] + [t["expr"] for panel in panels for t in panel["targets"]]
    asked_for = {name for expr in asked for name in METRIC.findall(expr)}
    assert asked_for - names == set(), "nobody tells these"
    ours = {name for name in names if name.startswith("lapor_dini_")}
    parts = ("_bucket", "_sum", "_count")
    unused = {name for name in ours if not any(name in (a, *(a.removesuffix(p) for p in parts)) for a in asked_for)}
    assert {name for name in unused if not name.endswith(parts)} == set(), "nobody looks at these"


async def test_the_dashboard_shows_each_panel_once_and_asks_what_prometheus_understands(tmp_path: Path) -> None:
    panels = json.loads((GIVEN / "dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    places = [(p["gridPos"]["x"] + dx, p["gridPos"]["y"] + dy) for p in panels
              for dx in range(p["gridPos"]["w"]) for dy in range(p["gridPos"]["h"])]  # fmt: skip
    assert len(places) == len(set(places)), "none lies on another"
    recorded = [{"record": "asked", "expr": target["expr"]} for panel in panels for target in panel["targets"]]
    groups = [{"name": f"panel {number}", "rules": [rule]} for number, rule in enumerate(recorded)]
    (tmp_path / "asked.yaml").write_text(json.dumps({"groups": groups}))  # promtool reads JSON, as YAML does
    assert "error" not in checked("check", "rules", "--lint=none", tmp_path / "asked.yaml").lower()
