"""Hostile inputs from seeds: every claim about what anybody may send, and about what an admin may write.

Each claim is tried in a child process whose CPU time and memory the kernel bounds, per input; a seed that fails, hangs, swells
or crashes it is told with the command that tries it again.
"""

from __future__ import annotations

import pytest

from tests.fuzz import conditions, events, files, templates
from tests.fuzz.bounded import Claim, holds

SHORT = {  # seeds in `make test`: about a second of each
    events.decoding: 300,
    events.batching: 150,
    events.books: 25,
    events.judging: 30,
    files.a_rule: 30,
    files.a_setup: 15,
    files.a_folder: 30,
    files.a_local_word: 30,
    templates.rendering: 30,
    templates.looping: 6,
    conditions.compiling: 400,
}


@pytest.mark.parametrize("claim", SHORT, ids=lambda claim: claim.__name__)
def test_no_seed_breaks(claim: Claim) -> None:
    events.decided(), files.setup()  # read once, for every child has what its parent had
    holds(claim, SHORT[claim])


def test_every_claim_is_tried() -> None:
    assert set(SHORT) == {claim for module in (events, files, templates, conditions) for claim in module.CLAIMS}
