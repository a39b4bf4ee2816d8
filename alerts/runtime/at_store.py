"""Work on the store: one piece at a time, in the order of asking, in a thread of its own.

So the loop goes on answering while the database does not. A piece that was begun goes on to its end, also when whoever asked for
it was cancelled, and the next begins after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class AtStore(Protocol):
    """Runs the work when the store is its alone, and gives or raises what it does."""

    def __call__(self, work: Callable[..., Result], /, *values: Any) -> Awaitable[Result]: ...


class StoreThread:
    """Implements `AtStore` until it is closed."""

    def __init__(self) -> None:
        self._one = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def __call__(self, work: Callable[..., Result], /, *values: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._one, work, *values)

    def close(self) -> None:
        """Wait for the piece that is under way; those that wait are never begun."""
        self._one.shutdown(cancel_futures=True)
