"""SMS through an HTTP gateway: one form is posted, a pattern in the answer says whether it was taken.

Every provider has its own names for the same fields, so fields and patterns are settings, not code. A wrong password or
address of the gateway must not cost a notice: only 400 and 422, which are about this message, are final. Once the form
has begun to leave, silence and answers of a proxy about silence behind it (502, 504) are `Unknown`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from alerts.channels import Never, Outcome, Sent, TryLater, Unknown, is_loopback
from alerts.channels.text import clean

ANSWER_MAX = 65_536  # bytes of an answer that are read
WHY_MAX = 200  # characters of an answer that are kept
RETRY_AFTER_MAX_S = 86_400
PLACEHOLDER = re.compile(r"\{(to|text|reference)\}")


class Form(msgspec.Struct, frozen=True):
    """One request to a gateway. `{to}`, `{text}` and `{reference}` in `fields` are filled in; `{reference}` is the
    notice id.

    `success` is searched in the body of a 2xx answer; where `reference` has a group, its match is the gateway's own
    number.
    """

    url: str
    fields: dict[str, str]
    success: str
    reference: str = ""


class HttpGateway:
    """Posts SMS to a gateway. `status` is its form for questions about an earlier SMS, if it has one.

    `secrets` are form fields, `headers` HTTP headers; the values of both never show up in an outcome. Raises
    ValueError for addresses that would send them unencrypted to another machine, and re.error for a broken pattern.
    """

    def __init__(
        self,
        send: Form,
        *,
        status: Form | None = None,
        secrets: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 30,
    ) -> None:
        for form in (send, status) if status else (send,):
            _check(form)
        self._send, self._status = send, status
        self._secrets, self._headers = dict(secrets or {}), dict(headers or {})
        self._timeout_s = timeout_s

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        """See Channel.send. `payload` is the UTF-8 of the SMS."""
        return await self._post(self._send, {"to": address, "text": payload.decode(), "reference": notice})

    async def status(self, notice: str) -> Outcome | None:
        """Sent when the gateway says so; otherwise None, for other answers differ too much to tell lost from late."""
        if self._status is None:
            return None
        outcome = await self._post(self._status, {"to": "", "text": "", "reference": notice})
        return outcome if isinstance(outcome, Sent) else None

    async def _post(self, form: Form, values: Mapping[str, str]) -> Outcome:
        begun = False

        async def trace(step: str, _: dict[str, Any]) -> None:
            nonlocal begun
            begun = begun or step.endswith("send_request_body.started")

        filled = {name: PLACEHOLDER.sub(lambda m: values[m[1]], field) for name, field in form.fields.items()}
        request = httpx.Request("POST", form.url, data=filled | self._secrets, headers=self._headers)
        request.headers["Accept-Encoding"] = "identity"
        request.extensions = {"trace": trace, "timeout": httpx.Timeout(self._timeout_s).as_dict()}
        try:
            async with asyncio.timeout(self._timeout_s), httpx.AsyncClient() as client:
                answer = await client.send(request, stream=True)
                body = await _read(answer)
        except (httpx.RequestError, TimeoutError) as error:
            why = f"{type(error).__name__}: {self._safe(str(error), values)}"
            return Unknown(why) if begun else TryLater(why)
        return self._judge(form, answer, body, values)

    def _judge(self, form: Form, answer: httpx.Response, body: str, values: Mapping[str, str]) -> Outcome:
        why = f"HTTP {answer.status_code}: {self._safe(body, values)}"
        if answer.is_success and re.search(form.success, body):
            number = re.search(form.reference, body) if form.reference else None
            return Sent(clean(number[1], WHY_MAX) if number else "")
        if answer.status_code in (400, 422):
            return Never(why)
        if answer.status_code in (502, 504):
            return Unknown(why)
        return TryLater(why, _retry_after_s(answer))

    def _safe(self, text: str, values: Mapping[str, str]) -> str:
        """The gateway's words without our secrets and without the message it may quote."""
        for hidden in sorted((*self._secrets.values(), *self._headers.values(), values["to"], values["text"]), key=len)[
            ::-1
        ]:
            text = text.replace(hidden, "***") if hidden else text
        return clean(text, WHY_MAX)


def _check(form: Form) -> None:
    url = httpx.URL(form.url)
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.host)):
        raise ValueError(f"SMS gateway {url.host or form.url!r}: write an https:// address")
    if re.compile(form.success).search(""):
        raise ValueError("SMS gateway: the success pattern fits an empty answer; write what only a good answer holds")
    if form.reference and not re.compile(form.reference).groups:
        raise ValueError("SMS gateway: the reference pattern needs a group, such as id=([0-9]+)")


async def _read(answer: httpx.Response) -> str:
    body = b""
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > ANSWER_MAX:
            break
    await answer.aclose()
    return body[:ANSWER_MAX].decode("utf-8", "replace")


def _retry_after_s(answer: httpx.Response) -> int:
    """Seconds that the gateway asks us to wait; a date counts from its own clock."""
    wish = answer.headers.get("Retry-After", "")
    if wish.isdecimal():
        return min(int(wish[:9]), RETRY_AFTER_MAX_S)
    try:
        wait = parsedate_to_datetime(wish) - parsedate_to_datetime(answer.headers["Date"])
    except (ValueError, KeyError, TypeError):
        return 0
    return max(0, min(int(wait.total_seconds()), RETRY_AFTER_MAX_S))
