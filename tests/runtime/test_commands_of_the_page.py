"""The page for admins shows what the commands that explain really print."""

from __future__ import annotations

import re
import shlex

from tests.runtime.conftest import Run
from tests.runtime.office import ROOT, Office, decisions, permit
from tests.runtime.test_why import LATE_DEPARTURE

SHIPPED = ROOT / "rules"
SHOWN = re.findall(
    r"^```console\n\$ lapor-dini ([^\n]*)\n(.*?)\n```", (SHIPPED / "README.md").read_text("utf-8"), re.M | re.S
)


def test_what_the_page_shows_is_what_the_commands_print(office: Office, run: Run) -> None:
    office.decided = decisions(SHIPPED)
    office.accept(permit(1))
    office.later(days=2, hours=1)
    office.accept(LATE_DEPARTURE)
    printed = {
        command: run(*shlex.split(command), LAPOR_RULES=str(SHIPPED)).stdout.strip("\n")
        for command, _ in SHOWN
        if command != "alerts sources"  # of a sample year, and short
    }
    assert len(printed) == 3
    assert printed == {command: text for command, text in SHOWN if command in printed}
