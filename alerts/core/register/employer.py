"""What is believed about an employer: its approvals (RPTKA), the yearly reports they ask for, and its staff."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta

from alerts.core.register.approvals import continues, with_last_days
from alerts.core.register.facts import Approved, EmployerFacts, newest_by
from alerts.core.register.staff import overstaffed_since
from alerts.core.register.views import AnnualReport, Approval, Employer

LONGEST_YEARS = 5  # no approval is longer; a mistyped end does not ask for reports for ever
_DAY = timedelta(days=1)


def employer_view(
    facts: EmployerFacts, now: datetime, wanted: Collection[str] | None = None
) -> tuple[Employer, datetime | None]:
    """The employer as rules see it at `now`, and the instant until which that holds if no event comes (None: for ever).

    The staff is counted, and the reports are listed, only where `wanted`; None: both are.
    """
    since, until = overstaffed_since(facts, now) if wanted is None or "overstaffed_since" in wanted else (None, None)
    employer = Employer(
        approvals=_approvals(facts),
        annual_reports=list(_annual_reports(facts)) if wanted is None or "annual_reports" in wanted else [],
        area=facts.workplaces[0].area if facts.workplaces else None,
        overstaffed_since=since,
    )
    return employer, until


def _approvals(facts: EmployerFacts) -> list[Approval]:
    approvals = newest_by(facts.approvals, "rptka_no")
    ended = newest_by(facts.ended, "rptka_no")
    return [
        Approval(
            item=no,
            rptka_no=no,
            kind=approval.kind,
            valid_from=approval.valid_from,
            valid_until=approval.valid_until,
            latest=no not in ended and not any(continues(other, approval) for other in approvals.values()),
            cross_province=approval.cross_province,
            locations=list(approval.locations),
            posts=list(approval.posts),
            companion_recorded=_companion_recorded(facts, approval),
        )
        for no, approval in approvals.items()
    ]


def _companion_recorded(facts: EmployerFacts, approval: Approved) -> bool:
    """Named by the approval, or trained by a report about its first year or a later one."""
    if approval.companions:
        return True
    return any(report.companions_trained and report.year >= approval.valid_from.year for report in facts.reports)


def _annual_reports(facts: EmployerFacts) -> Iterator[AnnualReport]:
    """One for each year of use that an approval completed, unless another approval had replaced it by then.

    Employers report by calendar year or by the year of use; a report about any calendar year that the year of use touches
    will do.
    """
    reported = {report.year for report in facts.reports}
    held = with_last_days(facts)
    replaced = {approval.supersedes_rptka: approval.valid_from for approval, _ in held if approval.supersedes_rptka}
    for approval, last in held:
        until = min(last + _DAY, replaced.get(approval.rptka_no, date.max))
        for years in range(1, LONGEST_YEARS + 1):
            anniversary = _years_after(approval.valid_from, years)
            if anniversary > until:
                break
            touched = range(anniversary.year - 1, (anniversary - _DAY).year + 1)
            yield AnnualReport(
                item=f"{approval.rptka_no}/{anniversary.year}",
                rptka_no=approval.rptka_no,
                anniversary=anniversary,
                made=any(year in reported for year in touched),
                locations=list(approval.locations),
            )


def _years_after(day: date, years: int) -> date:
    """The same day of a later year; the day after 28 February where there is no 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)
