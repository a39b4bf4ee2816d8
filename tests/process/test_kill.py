"""kill -9 at every named point of a hand-off, around commits, while starting and at any moment: no accepted event and no owed
notice is lost, and only what was inside a hand-off is repeated, with the same bytes and marked.

One round is an installation of its own that is killed at each of POINTS, in a drawn order, while an agency publishes. "While
starting" and "at any moment" are moments of the clock, which is their point: `again` repeats what was drawn, not the moment.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from random import Random

from tests.lengths import again_by, rounds
from tests.process.books import check, heals
from tests.process.carriers import HAND_OFF_POINTS
from tests.process.installation import Installation, installed
from tests.process.publisher import publishing

COMMIT_POINTS = ("before a commit", "after a commit") * 2
POINTS = (*HAND_OFF_POINTS, *COMMIT_POINTS, "while starting", "at any moment")
COMMITS = 25  # the commit at which the service ends is drawn from as many
HAND_OFFS = 30  # and the hand-off


def test_kill_9_loses_nothing_and_repeats_only_what_was_in_doubt() -> None:
    for seed in rounds(1):
        with again_by(__name__, f"killed_everywhere({seed})"):
            killed_everywhere(seed)


def killed_everywhere(seed: int) -> None:
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder) / "here") as here:
        with publishing(here.service, seed) as publisher:
            for point in rng.sample(POINTS, len(POINTS)):
                die(here, point, rng)
            here.start()
        heals(here.service)
        check(here.service, here.carriers, publisher, here.in_doubt)
        print(
            f"seed {seed}: {len(POINTS)} kills, {len(publisher.answered)} events, {len(here.carriers.taken)} deliveries"
        )


def die(here: Installation, point: str, rng: Random) -> None:
    match point:
        case "before a commit" | "after a commit":
            here.begin("-m", "tests.process.runner", point.split()[0], str(rng.randint(1, COMMITS)))
            here.ended()
        case "while starting":
            here.begin()
            threading.Event().wait(rng.random())  # the moment of death is drawn
            here.kill()
        case "at any moment":
            here.start()
            threading.Event().wait(rng.random())
            here.kill()
        case _:
            here.carriers.arm(point, rng.randint(1, HAND_OFFS))
            here.begin()
            here.ended()
