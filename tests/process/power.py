"""A disk that forgets what was not synced: a VFS of SQLite in memory, and what a power loss leaves of it.

What a file system may do between two syncs of a file is drawn sector by sector: each sector that was written since holds what
it held at the last sync or what any write since then put there, so that writes are dropped, kept, reordered and torn. A file
may also have kept its old length, with the sectors beyond gone. Files lose their writes independently of each other.

Files of a Python VFS have no shared memory, so the connection is the only one (`locking_mode=exclusive`, set by a hook).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import apsw

SECTOR = 512
NAME = "power"


class Content:
    """One file: what is on the platter, what readers see, and every version of each sector since the last sync."""

    def __init__(self) -> None:
        self.seen = bytearray()
        self._synced = bytearray()
        self._versions: dict[int, list[bytes]] = {}  # sector -> what it held, one after the other
        self.named = False  # synced once: its name is on the disk, too

    def write(self, data: bytes, offset: int) -> None:
        self.seen.extend(bytes(max(0, offset - len(self.seen))))
        self.seen[offset : offset + len(data)] = data
        for sector in range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1):
            self._versions.setdefault(sector, []).append(self._sector(sector))

    def truncate(self, size: int) -> None:
        del self.seen[size:]

    def sync(self) -> None:
        self._synced[:] = self.seen
        self._versions.clear()
        self.named = True

    def after_power_loss(self, rng: Random) -> bytes:
        """What is found, with a drawn share of the sectors as they were at the last sync, and the old or the new length."""
        left, lost = bytearray(self._synced), rng.choice((0, 0.1, 0.5, 0.9, 1))
        for sector, versions in self._versions.items():
            if rng.random() >= lost:
                start = sector * SECTOR
                left.extend(bytes(max(0, start - len(left))))
                left[start : start + SECTOR] = versions[-1] if rng.random() < 0.8 else rng.choice(versions)
        del left[rng.choice((len(self.seen), max(len(self.seen), len(self._synced)))) :]
        return bytes(left)

    def _sector(self, sector: int) -> bytes:
        return bytes(self.seen[sector * SECTOR : (sector + 1) * SECTOR]).ljust(SECTOR, b"\0")


class File:
    """An open file of the VFS. `before_change` is told before anything changes or is synced."""

    def __init__(self, content: Content, before_change: Callable[[], None]) -> None:
        self._content, self._before_change = content, before_change

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._content.seen[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self._before_change()
        self._content.write(bytes(data), offset)

    def xTruncate(self, size: int) -> None:
        self._before_change()
        self._content.truncate(size)

    def xSync(self, flags: int) -> None:
        self._before_change()
        self._content.sync()

    def xFileSize(self) -> int:
        return len(self._content.seen)

    def xSectorSize(self) -> int:
        return SECTOR

    def xDeviceCharacteristics(self) -> int:
        return 0  # nothing is promised

    def xFileControl(self, op: int, pointer: int) -> bool:
        return False

    def xCheckReservedLock(self) -> bool:
        return False

    def xLock(self, level: int) -> None:
        """Nobody else is there."""

    xUnlock = xLock

    def xClose(self) -> None:
        """Nothing is synced by closing."""


class Disk(apsw.VFS):
    """All files by path; the base does what is not about files."""

    def __init__(self, before_change: Callable[[], None]) -> None:
        super().__init__(NAME, "unix")
        self.files: dict[str, Content] = {}
        self._before_change = before_change

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> File:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        content = Content() if path is None else self.files.setdefault(path, Content())
        return File(content, self._before_change)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        self._before_change()
        del self.files[name]

    def xAccess(self, name: str, flags: int) -> bool:
        return name in self.files

    def lose_power(self, folder: Path, rng: Random) -> None:
        """Leave in the folder what is found after a power loss now."""
        folder.mkdir()
        for path, content in self.files.items():
            if content.named or rng.random() < 0.5:
                (folder / Path(path).name).write_bytes(content.after_power_loss(rng))


@contextmanager
def in_use(disk: Disk, hook: Callable[[apsw.Connection], None]) -> Iterator[None]:
    """Connections that are opened in this block are on the disk, exclusively, and prepared by the hook."""

    def prepare(connection: apsw.Connection) -> None:
        connection.pragma("locking_mode", "exclusive")
        hook(connection)

    apsw.set_default_vfs(NAME)
    apsw.connection_hooks.append(prepare)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(prepare)
        apsw.set_default_vfs("unix")
        disk.unregister()
