"""A disk on which nothing more can be written, while an agency publishes and mails are handed over: intake refuses and keeps
nothing of what it refused, no notice is lost or doubled, and the service goes on by itself once there is room.

`size_limit` works on every machine: the kernel refuses each write of the process to a file, with an error that SQLite treats as it
treats a file system that has become read-only. `filled` is a small file system without a byte left, which needs a root that may
mount. LAPOR_NO_MOUNT=1 says that this machine allows nobody to: `filled` is left out, and `not_mounted` shows that this is so.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.e2e.agency import BATCH, overstay
from tests.e2e.service import Service, until
from tests.lengths import again_by, rounds
from tests.process.books import check, heals, owed_is_what_carriers_have, repeated_only_what_was_in_doubt
from tests.process.installation import Installation, installed
from tests.process.publisher import publishing

Full = Callable[[Installation], AbstractContextManager[None]]


@contextmanager
def size_limit(here: Installation) -> Iterator[None]:
    assert here.service.process
    pid = here.service.process.pid
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


@contextmanager
def filled(here: Installation) -> Iterator[None]:
    ballast = here.service.data / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    yield
    ballast.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # also while a copy of it is still being looked at


MAY_MOUNT = os.environ.get("LAPOR_NO_MOUNT") != "1"
WAYS = [size_limit, filled] if MAY_MOUNT else [size_limit]


@pytest.mark.parametrize("may", [MAY_MOUNT], ids=["mounted" if MAY_MOUNT else "not_mounted"])
def test_a_small_disk_is_mounted_or_this_machine_is_said_not_to_allow_it(may: bool, tmp_path: Path) -> None:
    try:
        with small_disk(tmp_path / "disk"):
            mounted = (tmp_path / "disk").is_mount()
    except (OSError, subprocess.CalledProcessError):
        mounted = False
    assert mounted or not may, "run as root with CAP_SYS_ADMIN (docker: --cap-add SYS_ADMIN), or say LAPOR_NO_MOUNT=1"
    assert may or not mounted, "this machine can mount: say nothing of LAPOR_NO_MOUNT"


@contextmanager
def on_a_disk(full: Full, folder: Path) -> Iterator[Installation]:
    disk = small_disk(folder / "data") if full is filled else contextlib.nullcontext()
    with disk, installed(folder) as here:
        here.start()
        yield here


@pytest.mark.parametrize("full", WAYS)
def test_a_full_disk_loses_and_doubles_nothing_and_the_service_goes_on_by_itself(full: Full) -> None:
    for seed in rounds(1):
        with again_by(__name__, f"full_now_and_then({full.__name__}, {seed})"):
            full_now_and_then(full, seed)


def full_now_and_then(full: Full, seed: int) -> None:
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as folder, on_a_disk(full, Path(folder) / "here") as here:
        with publishing(here.service, seed) as publisher:
            for _ in range(2):
                goes_on(here, lambda: len(publisher.answered), rng.randint(1, 50), "intake answers")
                with full(here):
                    goes_on(here, lambda: publisher.refused, rng.randint(1, 30), "intake refuses")
            goes_on(here, lambda: len(publisher.answered), 1, "intake goes on")
        heals(here.service)
        check(here.service, here.carriers, publisher, {})
        assert here.carriers.life == 1, "without a restart"
        print(
            f"seed {seed}: {publisher.refused} refusals, {len(publisher.answered)} events, {len(here.carriers.taken)} deliveries"
        )


def goes_on(here: Installation, times: Callable[[], int], more: int, what: str) -> None:
    """Until it has happened so many more times."""
    enough = times() + more
    until(lambda: times() >= enough, what, log=here.service.log)


@pytest.mark.parametrize("full", WAYS)
def test_a_mail_answered_while_nothing_can_be_written_is_recorded_later_and_not_repeated(
    full: Full, tmp_path: Path
) -> None:
    with on_a_disk(full, tmp_path / "here") as here:
        service, carriers = here.service, here.carriers
        carriers.answering.clear()
        assert publish(service, 1) == 200
        until(carriers.asked.is_set, "a mail waits for its answer")
        with full(here):
            assert publish(service, 2) == 503
            carriers.answering.set()
            until(carriers.heard.is_set, "the service hears the answer")
            assert publish(service, 3) == 503
        assert publish(service, 2) == 200
        heals(service)
        owed_is_what_carriers_have(service, carriers, {})
        repeated_only_what_was_in_doubt(carriers.taken, {})


def publish(service: Service, number: int) -> int:
    return service.http.post("/api/v1/events", content=json.dumps([overstay(number)]), headers=BATCH).status_code
