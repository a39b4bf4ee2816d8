"""The HTTP interface for agencies: one event or a batch in, an answer for each out, in plain words.

A success answer means that the event is kept and will be judged. Anything that is not understood for certain (content type, query,
length) is refused before an event of it is taken, so that a misspelt `dry_run` never becomes a real event.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alerts.core.events.envelope import MAX_BATCH_BYTES, read_batch
from alerts.core.events.reasons import Reason, Rejection
from alerts.core.ports import Answer, Unavailable
from alerts.web.ports import Intake

ONE = ("application/cloudevents+json", "application/json")
BATCH = "application/cloudevents-batch+json"
RETRY_AFTER_S = 5

_CODES = {"accepted": 202, "duplicate": 200, "valid": 200, "quarantined": 422}


class _Refused(Exception):  # noqa: N818 - reads as what happened
    """The request as a whole is refused with this HTTP status; no event of it was taken."""

    def __init__(self, status: int, *reasons: Reason) -> None:
        super().__init__(status)
        self.status, self.reasons = status, reasons


class Api:
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def events(self, request: Request) -> Response:
        """POST one event or a batch; `?dry_run=1` only checks."""
        try:
            dry_run = _dry_run(request)
            batch = _is_batch(request)
            body = await _body(request)
            raws = _elements(body) if batch else [body]
            answers = self._intake.check(raws) if dry_run else await self._intake.accept(raws)
        except _Refused as refused:
            return _refusal(refused.status, "refused", refused.reasons)
        except Unavailable:
            reason = Reason("service", "cannot keep events now; none was accepted", "the same request again, later")
            answer = _refusal(503, "unavailable", (reason,))
            answer.headers["Retry-After"] = str(RETRY_AFTER_S)
            return answer
        if batch:
            return JSONResponse(_counted(answers, dry_run))
        return JSONResponse(_spoken(answers[0]), _CODES[answers[0].status])


def _dry_run(request: Request) -> bool:
    query = request.query_params.multi_items()
    if any(item not in (("dry_run", "1"), ("dry_run", "0")) for item in query) or len(query) > 1:
        raise _Refused(400, Reason("query", "is not understood", "dry_run=1 to check only, or nothing"))
    return query == [("dry_run", "1")]


def _is_batch(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != BATCH and kind not in ONE:
        write = f"{ONE[0]} for one event, {BATCH} for a list"
        raise _Refused(415, Reason("Content-Type", "is not one that events come in", write))
    return kind == BATCH


async def _body(request: Request) -> bytes:
    """The whole body; too long a one is refused by its announced length, or as soon as it has grown too long."""
    too_long = _Refused(413, Reason("body", f"is longer than {MAX_BATCH_BYTES} bytes", "a smaller batch"))
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BATCH_BYTES:
        raise too_long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BATCH_BYTES:
            raise too_long
    return bytes(body)


def _elements(body: bytes) -> list[bytes]:
    found = read_batch(body)
    if isinstance(found, Rejection):
        raise _Refused(400, *found.reasons)
    return found


def _spoken(answer: Answer) -> dict[str, Any]:
    return {"status": answer.status, "receipt": answer.receipt, "errors": _errors(answer.reasons)}


def _counted(answers: list[Answer], dry_run: bool) -> dict[str, Any]:
    counts = Counter(answer.status for answer in answers)
    named = ("accepted", "duplicate", "quarantined", *(("valid",) if dry_run else ()))
    return {"answers": [_spoken(answer) for answer in answers], **{name: counts[name] for name in named}}


def _refusal(code: int, status: str, reasons: tuple[Reason, ...]) -> JSONResponse:
    return JSONResponse({"status": status, "receipt": None, "errors": _errors(reasons)}, code)


def _errors(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [{"where": reason.where, "what": reason.what, "write": reason.write} for reason in reasons]
