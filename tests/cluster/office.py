"""An office's publisher that dies half way: by SIGKILL when the broker has confirmed a second window and nobody has noted it.

`python -m tests.cluster.office SPOOL SERVERS FIRST COUNT`; with COUNT 0 it lives, and sends what lies in the spool.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from alerts.publisher import Publisher, publisher
from alerts.publisher.spool import Answer, Spool
from tests.e2e.agency import extension

noted, windows = Spool.answered, count(1)


def dies_at_the_second_window(self: Spool, answers: Iterable[Answer]) -> None:
    if next(windows) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    noted(self, answers)


if __name__ == "__main__":
    spool, servers, first, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    publisher.WINDOW = 50
    if number:
        Spool.answered = dies_at_the_second_window  # type: ignore[method-assign]
    ours = Publisher(spool=spool, servers=servers)
    ours.publish_raw(json.dumps(extension(n)).encode() for n in range(first, first + number))
    sys.exit(ours.flush(60))
