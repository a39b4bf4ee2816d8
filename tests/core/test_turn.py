"""A batch of events and the passing of time: receipts, corrections, who is meant, and what is judged anew."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.core.memory import MemoryRegister
from alerts.core.ports import Effects
from alerts.core.replay import replay
from alerts.core.turn import turn
from tests.core.turns import (
    EXPIRED,
    NOW,
    X1,
    X2,
    approved,
    decided,
    event,
    inspected,
    names,
    passport,
    permit,
    placed,
    run,
    standing,
    take,
    who,
)
from tests.properties.worlds import AS_HEARD, COMPLETE, END, Batch, heartbeats

# Receipts ---------------------------------------------------------------------------------------------------------------


def test_receipts_are_given_in_batch_order_and_a_duplicate_gets_the_first_one() -> None:
    register = run(permit("a", X1))
    effects = take(register, [*permit("b", X2), *permit("a", X1), *permit("c", X2), *permit("b", X2)])
    assert effects.receipts == {("imigrasi/a", "a"): 1, ("imigrasi/a", "b"): 2, ("imigrasi/a", "c"): 3}
    assert effects.duplicates == 2
    assert [kept.number for kept in effects.kept] == [2, 3]


def test_the_same_id_of_another_source_is_another_event() -> None:
    register = run(permit("a", X1), [*permit("a", X2), *inspected("a", X1)])
    assert register.next_numbers()[0] == 3


def test_a_duplicate_with_other_contents_changes_nothing() -> None:
    register = run(permit("a", X1), permit("a", X1, until="2026-12-31"))
    assert standing(register) == {EXPIRED}


def test_an_empty_turn_says_nothing() -> None:
    assert take(MemoryRegister(), []) == Effects(judged_at=NOW)


# Corrections ------------------------------------------------------------------------------------------------------------

WRONG = permit("a", X1)
RIGHT = permit("b", X1, until="2026-12-31", supersedes="a")
AGAIN = permit("c", X1, until="2026-01-25", supersedes="b")


@pytest.mark.parametrize(
    "batches",
    [
        (WRONG, RIGHT),
        (RIGHT, WRONG),  # the correction comes first
        ([*WRONG, *RIGHT],),
        ([*RIGHT, *WRONG],),
        (WRONG, RIGHT, WRONG),
    ],
)
def test_a_correction_takes_the_place_of_what_it_corrects(batches: tuple[Batch, ...]) -> None:
    register = run(*batches)
    assert [p.valid_until.isoformat() for p in who(register, "passport:UTO:X1").facts.permits] == ["2026-12-31"]
    assert standing(register) == set()


@pytest.mark.parametrize(
    "batches", [(WRONG, RIGHT, AGAIN), (AGAIN, RIGHT, WRONG), (RIGHT, AGAIN, WRONG), (WRONG, AGAIN, RIGHT)]
)
def test_the_last_of_a_chain_of_corrections_holds(batches: tuple[Batch, ...]) -> None:
    register = run(*batches)
    assert [p.valid_until.isoformat() for p in who(register, "passport:UTO:X1").facts.permits] == ["2026-01-25"]
    assert standing(register) == {EXPIRED}


def test_a_correction_of_another_source_corrects_nothing() -> None:
    stranger = event("b", "feed.heartbeat", source="imigrasi/b", supersedes="a")
    assert standing(run(WRONG, stranger)) == {EXPIRED}


def test_a_correction_to_another_person_withdraws_the_alert_of_the_first() -> None:
    register = run(permit("a", X1))
    effects = take(register, permit("b", X2, supersedes="a"))
    said = {(c.change, c.subject) for c in effects.changes if c.rule == "stay_expired"}
    assert said == {("withdrawn", "person:UTO:X1"), ("raised", "person:UTO:X2")}
    assert names(register) == {"person:UTO:X2"}
    assert register.find(["passport:UTO:X1"]) == {}


def test_everything_that_stood_for_somebody_who_never_was_ends() -> None:
    register = run(event("a", "departure.recorded", person=X1, exit_date="2026-01-01", port="JKT"),
                   event("b", "arrival.recorded", "2026-01-03", person=X1, entry_date="2026-01-03", port="JKT"))  # fmt: skip
    raised = {a.alert for s in register.stored.values() for a in s.subject.standing if s.subject.kind == "person"}
    assert raised
    nothing = [*event("c", "feed.heartbeat", supersedes="a"), *event("d", "feed.heartbeat", supersedes="b")]
    ended = {c.alert for c in take(register, nothing).changes if c.change == "withdrawn"}
    assert ended == raised
    assert names(register) == set()


def test_an_employer_who_was_a_typing_error_can_still_come() -> None:
    register = run(approved("a", "E1"), approved("b", "E2", supersedes="a"))
    assert names(register) == {"employer:E2"}
    take(register, approved("c", "E1"))
    assert names(register) == {"employer:E1", "employer:E2"}


# Who is meant -----------------------------------------------------------------------------------------------------------


def test_a_new_passport_with_the_old_niora_is_the_same_person() -> None:
    register = run(permit("a", passport("X1", niora="N1")), permit("b", passport("X2", niora="N1"), "P2", "2026-12-31"))
    assert who(register, "passport:UTO:X2").key == "person:UTO:X1"
    assert standing(register) == set()  # the newer permit counts


def test_two_persons_who_turn_out_to_be_one_have_one_history() -> None:
    register = run(permit("a", X1), permit("b", X2, "P2", "2026-12-31"))
    assert standing(register) == {EXPIRED}
    effects = take(register, event("c", "arrival.recorded", person=passport("X2", previous_passport_no="X1"),
                                   entry_date="2026-01-01", port="JKT"))  # fmt: skip
    assert [(c.change, c.reason) for c in effects.changes if c.rule == "stay_expired"] == [("withdrawn", "facts")]
    assert names(register) == {"person:UTO:X1"}


def test_a_person_known_only_from_a_planned_visit_is_found_by_later_events() -> None:
    visit = {"purpose": "uji", "areas": ["15.06"], "from": "2026-01-01", "until": "2026-01-02"}
    persons = [passport("X1", niora="N1")]
    register = run(
        event("a", "visit.planned", source="kemlu/a", persons=persons, **visit), approved("b"), permit("c", X1)
    )
    assert who(register, "niora:N1").key == "person:UTO:X1"
    assert len(who(register, "niora:N1").facts.permits) == 1


@pytest.mark.parametrize("first", [0, 1])
def test_persons_in_one_event_are_not_mixed_up_when_one_of_them_is_regrouped(first: int) -> None:
    batches = [permit("a", X1), permit("b", X2, "P2")]
    if first:
        batches.reverse()
    register = run(*batches, inspected("i", X1, X2), permit("c", X1, until="2026-01-25", supersedes="a"))
    assert names(register) == {"person:UTO:X1", "person:UTO:X2"}  # and no area: a regency is none
    for key in ("X1", "X2"):
        person = who(register, f"passport:UTO:{key}")
        assert (person.key, len(person.facts.permits), len(person.facts.sightings)) == (f"person:UTO:{key}", 1, 1)


def test_a_contradiction_is_kept_on_both_sides_for_a_human() -> None:
    register = run(permit("a", passport("X1", niora="N1")), permit("b", passport("X2", niora="N2"), "P2"))
    take(register, permit("c", passport("X1", niora="N2"), "P1", "2026-12-31"))
    one, other = who(register, "passport:UTO:X1"), who(register, "passport:UTO:X2")
    assert (one.contradicts, other.contradicts) == ((other.id,), (one.id,))
    assert who(register, "niora:N2").id == other.id


def test_of_two_birth_dates_that_contradict_the_register_keeps_the_same_one_in_any_order() -> None:
    one, other = (
        permit("a", passport("X1", birth_date="1980-05-17")),
        permit("b", passport("X1", birth_date="1991-02-03")),
    )
    kept = [who(run(*batches), "passport:UTO:X1").birth_date for batches in ([one, other], [other, one])]
    assert kept[0] == kept[1]


def test_of_two_nioras_that_an_officer_joined_the_register_keeps_the_same_one_in_any_order() -> None:
    batches = [
        decided("a", "merged", "person:UTO:X1", "person:UTO:X2"),
        decided("b", "merged", "person:NIORA:N1", "person:UTO:X1"),
        decided("c", "merged", "person:UTO:X1", "person:NIORA:N2"),
        event(
            "d",
            "arrival.recorded",
            person=passport("X1", previous_passport_no="X3"),
            entry_date="2026-01-01",
            port="JKT",
        ),
    ]
    assert [who(run(*order), "passport:UTO:X1").niora for order in (batches, batches[::-1])] == ["niora:N1", "niora:N1"]


def test_an_officer_who_merges_moves_the_alerts_and_one_who_splits_moves_them_back() -> None:
    register = run(permit("a", X1, "P1"), permit("b", X2, "P2"))
    before = standing(register)
    assert before == {EXPIRED, ("person:UTO:X2", "stay_expired", "P2")}
    take(register, decided("m", "merged", "person:UTO:X1", "person:UTO:X2"))
    assert {key for key, _, _ in standing(register)} == {"person:UTO:X1"}
    take(register, decided("s", "split", "person:UTO:X1", "person:UTO:X2", day="2026-01-02"))
    assert standing(register) == before


def test_a_split_survives_corrections_and_new_events_of_either() -> None:
    register = run(permit("a", X1), permit("b", X2, "P2"), decided("s", "split", "person:UTO:X1", "person:UTO:X2"))
    take(register, permit("c", X1, until="2026-01-25", supersedes="a"))
    take(register, permit("d", passport("X2", previous_passport_no="X1"), "P2"))
    assert names(register) == {"person:UTO:X1", "person:UTO:X2"}
    assert len(who(register, "passport:UTO:X2").facts.permits) == 2


def test_a_decision_may_come_before_the_persons_it_is_about() -> None:
    merged_first = run(decided("m", "merged", "person:UTO:X1", "person:UTO:X2"), permit("a", X1), permit("b", X2, "P2"))
    assert who(merged_first, "passport:UTO:X2").key == "person:UTO:X1"
    split_first = run(
        decided("s", "split", "person:UTO:X1", "person:UTO:X2"), permit("a", passport("X2", previous_passport_no="X1"))
    )
    assert who(split_first, "passport:UTO:X1").key != who(split_first, "passport:UTO:X2").key


def test_two_persons_with_the_same_alert_who_turn_out_to_be_one_keep_one_and_end_the_other() -> None:
    register = run(placed("a", X1), placed("b", X2))
    raised = {a.alert for s in register.stored.values() for a in s.subject.standing if a.rule == "without_rptka"}
    assert len(raised) == 2
    effects = take(register, decided("m", "merged", "person:UTO:X1", "person:UTO:X2"))
    ended = {c.alert for c in effects.changes if c.change == "withdrawn" and c.rule == "without_rptka"}
    (kept,) = (a.alert for s in register.stored.values() for a in s.subject.standing if a.rule == "without_rptka")
    assert ended == raised - {kept}


# Links ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [(placed("a", X1), approved("b")), (approved("b"), placed("a", X1)),
                                     ([*placed("a", X1), *approved("b")],)])  # fmt: skip
def test_an_approval_clears_the_workers_whenever_it_comes(batches: tuple[Batch, ...]) -> None:
    assert standing(run(*batches)) == set()


def test_an_approval_that_is_taken_back_accuses_again() -> None:
    register = run(placed("a", X1), approved("b"))
    effects = take(register, event("c", "feed.heartbeat", source="kemnaker/a", supersedes="b"))
    assert [(c.change, c.rule, c.item) for c in effects.changes if c.rule == "without_rptka"] == [
        ("raised", "without_rptka", "E1")
    ]


# Time and sources -------------------------------------------------------------------------------------------------------


def test_a_deadline_that_passed_while_nobody_looked_fires_once() -> None:
    register = run(permit("a", X1), now=datetime(2026, 1, 2, tzinfo=UTC))
    assert standing(register) == {("person:UTO:X1", "stay_expiring", "P1")} or standing(register) == set()
    effects = take(register, [], now=NOW)
    assert [(c.change, c.late) for c in effects.changes if c.rule == "stay_expired"] == [("raised", True)]
    assert take(register, [], now=NOW).changes == ()


def test_a_turn_judges_no_more_than_it_is_told_to_and_says_that_there_is_more() -> None:
    register = run(
        [e for n in range(5) for e in permit(f"a{n}", passport(f"Y{n}"), f"Q{n}")], now=datetime(2026, 1, 2, tzinfo=UTC)
    )
    turns = 0
    while True:
        effects = turn(register, [], COMPLETE, NOW, due=2)
        register.apply(effects)
        turns += 1
        if not effects.more_due:
            break
    assert turns == 4  # two of the five and their feed each, and one to see that nobody is left
    assert {rule for _, rule, _ in standing(register)} == {"stay_expired"}
    assert len(standing(register)) == 5


def test_who_waited_for_a_source_is_judged_when_it_is_complete() -> None:
    register = run(permit("a", X1), settled=AS_HEARD)
    assert standing(register) == set()
    assert [w.kind for w in register.stored[register.find(["passport:UTO:X1"])["passport:UTO:X1"]].waiting]
    take(register, heartbeats(NOW), AS_HEARD)
    assert standing(register) == {EXPIRED}


def test_a_source_is_heard_by_anything_it_sends_even_what_is_withheld() -> None:
    register = run(RIGHT, WRONG)
    assert register.feeds()["imigrasi/a"].last_heard == WRONG[0][0].received


def test_replay_is_the_same_as_turns_at_the_instants_that_matter() -> None:
    history = [event for event, _ in (*permit("a", X1), *permit("b", X1, "P2", "2026-02-20"))]
    changes = [(c.time, c.change, c.item) for c in replay(history, COMPLETE, END) if c.rule == "stay_expired"]
    assert changes[0] == (datetime(2026, 2, 20, 17, tzinfo=UTC), "raised", "P2")
    assert [change for _, change, _ in changes] == ["raised", "stepped", "stepped", "expired"]
