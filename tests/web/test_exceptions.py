"""What officers see of exceptions and local overrides."""

from __future__ import annotations

from datetime import date

import httpx
import msgspec

from alerts.core.rules import Exemption, Path, Rule
from alerts.store.pages import AlertRow
from tests.runtime.office import with_rule

from .conftest import Office, read

COVERS = Exemption("surat 12/2026", date(2026, 3, 31), ((Path("stay", "permit_ref"), ("P1",)),))


async def test_an_alert_that_an_exception_covers_says_so_until_when_and_why(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    def excepting(rule: Rule) -> Rule:
        return msgspec.structs.replace(rule, exceptions=(COVERS,), override="rules/local/stay_expired.local.yaml")

    office.decided = with_rule(office.decided, "stay_expired", excepting)
    office.store.judge_again(["person"], office.now, office.decided.fingerprint)
    office.pass_time("2026-03-02T11:00:00")
    assert office.alerts(rule="stay_expired") == []
    page = await read(client, f"/alerts/{expired.id}")
    assert "Dikecualikan pada aturan / Excepted in the rule" in page
    assert "Sampai dengan / Up to and including 31 Maret 2026: surat 12/2026." in page
    assert "dikecualikan pada aturan: surat 12/2026 / excepted in the rule: surat 12/2026" in page
    rule = await read(client, "/rules/stay_expired")
    assert "overridden here by rules/local/stay_expired.local.yaml" in rule
    assert "sampai dengan / until 31 Maret 2026: surat 12/2026" in rule
