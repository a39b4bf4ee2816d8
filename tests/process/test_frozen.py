"""A process whose page answers and whose work does not go on says so: /healthz stays right, /readyz turns to 503 with the check
that is wrong, and back once the work goes on. The process is the real one, and starved from outside; only a turn that hangs has
to be planted, with limits that a test can wait for."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from tests.e2e.agency import BATCH
from tests.e2e.service import Service, free_port, until
from tests.process.installation import installed
from tests.process.test_full import publish, size_limit

STUCK = "stuck-here"
SOON = "from datetime import timedelta; from alerts.core import health; health.{} = timedelta(seconds=3)\n"
HANGS = f"""
import os, pathlib
from alerts.runtime import service
taking = service.take_safely
def hanging(store, decided, group, now):
    if any(b"{STUCK}" in raw for raw, _ in group):
        pathlib.Path(os.environ["HANGS_ON"]).read_bytes()  # a pipe: until somebody has written to it
    return taking(store, decided, group, now)
service.take_safely = hanging
"""
SERVES = "from alerts.cli import main; main()"


@contextmanager
def serving(folder: Path, planted: str, **settings: str) -> Iterator[Service]:
    service = Service(folder, **settings)
    service.begin("-c", planted + SERVES, "serve")
    service.ready()
    try:
        yield service
    finally:
        service.kill()


def checked(service: Service) -> tuple[int, dict[str, Any]]:
    """The answer of /readyz, and the checks that are wrong."""
    assert service.http.get("/healthz").status_code == 200
    answer = service.http.get("/readyz")
    return answer.status_code, {name: check for name, check in answer.json()["checks"].items() if not check["ok"]}


def becomes(service: Service, *wrong: str) -> dict[str, Any]:
    """What they say, once these checks are wrong and no other is."""

    def so() -> bool:
        status, found = checked(service)
        return (status, set(found)) == (503 if wrong else 200, set(wrong))

    until(so, f"wrong: {wrong}", log=service.log)
    return checked(service)[1]


def test_a_store_that_cannot_be_written_is_named_until_it_can(tmp_path: Path) -> None:
    with installed(tmp_path / "here") as here:
        here.start()
        with size_limit(here):
            assert publish(here.service, 1) == 503
            (wrong,) = becomes(here.service, "store").values()
            assert wrong["what"].startswith("cannot be written (")
            assert wrong["since"].endswith("+07:00")
        assert publish(here.service, 1) == 200
        becomes(here.service)


def test_a_store_that_another_program_keeps_locked_is_named(tmp_path: Path) -> None:
    with installed(tmp_path / "here") as here:
        here.start()
        other = apsw.Connection(str(here.service.database))
        other.execute("BEGIN IMMEDIATE")
        assert publish(here.service, 1) == 503
        assert becomes(here.service, "store")["store"]["what"] == "cannot be written (BusyError)"
        other.execute("ROLLBACK")
        becomes(here.service)
        other.close()


def test_a_turn_that_hangs_is_seen_while_the_page_answers(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with serving(tmp_path / "here", SOON.format("TURN_WITHIN") + HANGS, HANGS_ON=str(pipe)) as service:
        what = {"content": f'["{STUCK}"]', "headers": BATCH}
        posting = threading.Thread(target=service.http.post, args=("/api/v1/events",), kwargs=what)
        posting.start()
        hangs = "a turn does not come to its end"
        until(lambda: checked(service)[1].get("turns", {}).get("what") == hangs, "it is missed", log=service.log)
        assert checked(service)[0] == 503
        pipe.write_bytes(b"go on")
        posting.join()
        assert service.http.post("/api/v1/events", content="[]", headers=BATCH).status_code == 200
        becomes(service)


def test_notices_that_no_carrier_takes_are_seen(tmp_path: Path) -> None:
    closed = free_port()
    relay = {"LAPOR_SMTP_HOST": "127.0.0.1", "LAPOR_SMTP_PORT": str(closed), "LAPOR_SMTP_STARTTLS": "never"}
    with installed(tmp_path / "here") as here:
        here.service.environment |= relay
        here.begin("-c", SOON.format("HANDED_WITHIN") + SERVES, "serve")
        here.service.ready()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", closed)) != 0, "nobody listens there"
        assert publish(here.service, 1) == 200
        assert becomes(here.service, "notices")["notices"]["what"] == "notices wait that are due: email"
