"""The command line. Parses, calls the runtime, prints; decides nothing.

Exit codes: 0 done · 1 the thing asked about is not right (a failing rule test, refused events, books that do not balance) ·
2 wrong call or unusable files · 3 the service could not be reached or started.
"""

from __future__ import annotations

import gc
import os
import sys

import typer

from alerts.cli import brokering, explaining, guarding, impacting, judging, keeping, moving, roles, running
from alerts.cli.terminal import WRONG
from alerts.runtime import logs

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Deteksi dini, cegah dini, lapor dini: events in, rules judged, officers told.",
)
for command in (
    roles.serve,
    roles.worker,
    roles.dispatch,
    roles.web,
    roles.tick,
    running.publish,
    judging.replay,
    explaining.why,
    keeping.doctor,
    keeping.rebuild,
    running.load,
    judging.sample,
    moving.backup,
    moving.restore,
    moving.move,
):
    app.command()(command)

alerts = typer.Typer(invoke_without_command=True)
alerts.callback()(keeping.alerts)
alerts.command("as-test")(explaining.as_test)
alerts.command("sources")(keeping.sources)
app.add_typer(alerts, name="alerts")

rules = typer.Typer(no_args_is_help=True, help="Check, test and explain rule files.")
rules.command("check")(judging.rules_check)
rules.command("test")(judging.rules_test)
rules.command("explain")(explaining.rules_explain)
rules.command("facts")(explaining.rules_facts)
rules.command("schema")(judging.rules_schema)
rules.command("impact")(impacting.rules_impact)
app.add_typer(rules, name="rules")

quarantine = typer.Typer(no_args_is_help=True, help="Events that were refused.")
quarantine.command("list")(keeping.quarantine_list)
quarantine.command("retry")(keeping.quarantine_retry)
app.add_typer(quarantine, name="quarantine")

guard = typer.Typer(no_args_is_help=True, help="Rules whose notices are held because they fire far too often.")
guard.command("list")(guarding.guard_list)
guard.command("release")(guarding.guard_release)
guard.command("drop")(guarding.guard_drop)
app.add_typer(guard, name="guard")

kafka = typer.Typer(no_args_is_help=True, help="Topics of the broker.")
kafka.command("init")(brokering.kafka_init)
kafka.command("forget")(brokering.kafka_forget)
app.add_typer(kafka, name="kafka")

notices = typer.Typer(no_args_is_help=True, help="Notices that a restore leaves in doubt.")
notices.command("doubtful")(moving.notices_doubtful)
notices.command("resume")(moving.notices_resume)
app.add_typer(notices, name="notices")

events = typer.Typer(no_args_is_help=True, help="The event catalogue.")
events.command("schemas")(judging.events_schemas)
app.add_typer(events, name="events")


def main() -> None:
    """The `lapor-dini` command."""
    # Events and facts hold no cycles, so reference counts free them. Looking for cycles among a million of them cost a fourth
    # of all time; the few that libraries make are still found, less often.
    gc.set_threshold(100_000, 20, 100)
    logs.configure(json=os.environ.get("LAPOR_LOG") == "json")  # settings are read later, and check the rest of it
    try:
        app()
    except Exception:  # a defect: what Python itself would print quotes what it is about
        logs.log.critical("the command failed", exc_info=True)
        sys.exit(WRONG)
