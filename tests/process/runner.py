"""`lapor-dini serve` that ends by SIGKILL at its Nth commit: `python -m tests.process.runner before|after N`.

SQLite itself says where a commit is: its commit hook is called before anything of the transaction is on disk, its WAL hook
when all of it is. So nothing in the package knows of this.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys

import apsw

from alerts import cli


def main(side: str, nth: int) -> None:
    commits = itertools.count(1)

    def committing(*_: object) -> int:
        if next(commits) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0  # go on

    def watch(connection: apsw.Connection) -> None:
        if side == "before":
            connection.set_commit_hook(committing)
        else:
            connection.set_wal_hook(committing)  # in place of automatic checkpoints, which so short a life can spare

    apsw.connection_hooks.append(watch)
    sys.argv = ["lapor-dini", "serve"]
    cli.main()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
