"""Publishing events to a running service over HTTP, in batches, with receipts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import httpx
import msgspec

BATCH = 500  # events in one request
BATCH_BYTES = 4_000_000


class Published(msgspec.Struct, frozen=True):
    """What the service answered about one event."""

    place: str  # file:line
    status: str  # accepted | duplicate | quarantined | valid
    receipt: str | None
    errors: tuple[dict[str, str], ...] = ()


class Unreachable(Exception):  # noqa: N818 - reads as what happened
    """The service did not take the batch; everything before it was answered. Publishing again repeats nothing."""


def publish(url: str, events: Iterable[tuple[str, bytes]], *, dry_run: bool) -> Iterator[list[Published]]:
    """Send the events, given with their places, and yield the answers batch by batch. Raises Unreachable."""
    headers = {"content-type": "application/cloudevents-batch+json"}
    params = {"dry_run": "1"} if dry_run else {}
    with httpx.Client(base_url=url, timeout=120, headers=headers) as client:
        for batch in _batches(events):
            body = b"[" + b",".join(raw for _, raw in batch) + b"]"
            try:
                response = client.post("/api/v1/events", content=body, params=params)
                response.raise_for_status()
                answers = response.json()["answers"]
            except httpx.HTTPStatusError as error:
                raise Unreachable(
                    f"{url} answered {error.response.status_code}: {error.response.text[:300]}"
                ) from error
            except (httpx.HTTPError, ValueError, KeyError) as error:
                raise Unreachable(f"{url}: {type(error).__name__} {error}; is `lapor-dini serve` running?") from error
            yield [
                Published(place, answer["status"], answer.get("receipt"), tuple(answer.get("errors", ())))
                for (place, _), answer in zip(batch, answers, strict=True)
            ]


def _batches(events: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    events = iter(events)
    while batch := list(islice(events, BATCH)):
        while sum(len(raw) for _, raw in batch) > BATCH_BYTES and len(batch) > 1:
            half = len(batch) // 2
            yield batch[:half]
            batch = batch[half:]
        yield batch
