"""SMS over a real HTTP gateway on loopback, with every answer and every silence that it can give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest

from alerts.channels import Never, Outcome, Sent, TryLater, Unknown
from alerts.channels.sms import Form, HttpGateway

NUMBER = "+6281200000601"
TEXT = "LAPOR DINI TINGGI: indikasi, perlu verifikasi. Kasus JBI-26-004190 & {reference}"
FIELDS = {"to": "{to}", "message": "{text}", "ref": "{reference}"}
GOOD = b'{"status": "0", "id": "77"}'


@asynccontextmanager
async def gateway(answer: bytes | None) -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """A gateway that gives these bytes, or none at all, to each request; and the forms that it was posted."""
    forms: list[dict[str, str]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].split("\r\n")[0])
        forms.append({k: v[0] for k, v in parse_qs((await reader.readexactly(length)).decode()).items()})
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/send", forms


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def channel(url: str, timeout_s: float = 5) -> HttpGateway:
    form = Form(url, FIELDS, success='"status": "0"', reference='"id": "([0-9]+)"')
    return HttpGateway(form, status=form, secrets={"passkey": "s3cret-pass"}, timeout_s=timeout_s)


async def test_an_sms_is_posted_with_its_number_reference_and_the_secret() -> None:
    async with gateway(http("200 OK", GOOD)) as (url, forms):
        assert await channel(url).send(NUMBER, "n-0001", TEXT.encode()) == Sent("77")
    assert forms == [{"to": NUMBER, "message": TEXT, "ref": "n-0001", "passkey": "s3cret-pass"}]


ANSWERS: list[tuple[str, bytes | None, Outcome | type[Outcome]]] = [
    ("good answer", http("202 Accepted", GOOD), Sent("77")),
    ("an error with 200", http("200 OK", b'{"status": "7"}'), TryLater),
    ("empty answer", http("200 OK"), TryLater),
    ("moved", http("302 Found", b"", "Location: https://other.example/"), TryLater),
    ("number refused", http("400 Bad Request", b"bad number"), Never("HTTP 400: bad number")),
    ("number refused 422", http("422 Unprocessable", b"x"), Never),
    ("password refused", http("401 Unauthorized"), TryLater),
    ("forbidden", http("403 Forbidden"), TryLater),
    ("wrong path", http("404 Not Found"), TryLater),
    ("request timeout", http("408 Request Timeout"), TryLater),
    ("too many", http("429 Too Many", b"", "Retry-After: 90"), TryLater("HTTP 429: ", 90)),
    (
        "until a date",
        http("503 No", b"", "Date: Mon, 02 Mar 2026 01:00:00 GMT", "Retry-After: Mon, 02 Mar 2026 01:02:00 GMT"),
        TryLater("HTTP 503: ", 120),
    ),
    ("for ever", http("503 No", b"", "Retry-After: 99999999999"), TryLater("HTTP 503: ", 86_400)),
    ("broken", http("500 Oops"), TryLater),
    ("proxy lost it", http("502 Bad Gateway"), Unknown),
    ("proxy waited", http("504 Gateway Timeout"), Unknown),
    ("connection closed", b"", Unknown),
    ("half an answer", http("200 OK", GOOD)[:-5], Unknown),
    ("no HTTP", b"hello\r\n\r\n", Unknown),
    ("silence", None, Unknown),
]


@pytest.mark.parametrize(("case", "answer", "outcome"), ANSWERS, ids=[case for case, _, _ in ANSWERS])
async def test_every_answer_and_every_silence_is_told_apart(
    case: str, answer: bytes | None, outcome: Outcome | type[Outcome]
) -> None:
    async with gateway(answer) as (url, forms):
        result = await channel(url, timeout_s=0.5 if answer is None else 5).send(NUMBER, "n-0001", TEXT.encode())
    assert len(forms) == 1
    assert result == outcome or type(result) is outcome, result


async def test_nobody_listening_means_later() -> None:
    async with gateway(b"") as (url, _):
        pass
    assert isinstance(await channel(url).send(NUMBER, "n-0001", TEXT.encode()), TryLater)


async def test_an_outcome_repeats_neither_the_secret_nor_the_message() -> None:
    echo = f"bad request: passkey=s3cret-pass to={NUMBER} text={TEXT}".encode()
    async with gateway(http("400 Bad Request", echo)) as (url, _):
        assert await channel(url).send(NUMBER, "n-0001", TEXT.encode()) == Never(
            "HTTP 400: bad request: passkey=*** to=*** text=***"
        )


async def test_a_huge_answer_is_not_read_to_its_end() -> None:
    async with gateway(http("200 OK", GOOD + b"x" * 5_000_000)) as (url, _):
        assert await channel(url).send(NUMBER, "n-0001", TEXT.encode()) == Sent("77")


@pytest.mark.parametrize(
    ("answer", "outcome"), [(http("200 OK", GOOD), Sent("77")), (http("404 Not Found"), None), (None, None)]
)
async def test_status_believes_only_a_clear_yes(answer: bytes | None, outcome: Outcome | None) -> None:
    async with gateway(answer) as (url, forms):
        assert await channel(url, timeout_s=0.5 if answer is None else 5).status("n-0001") == outcome
    assert forms[0]["ref"] == "n-0001"


async def test_a_gateway_that_cannot_be_asked_is_not_asked() -> None:
    assert await HttpGateway(Form("https://sms.example/send", FIELDS, "ok")).status("n-0001") is None


@pytest.mark.parametrize(
    ("form", "advice"),
    [
        (Form("http://sms.example/send", FIELDS, "ok"), "write an https:// address"),
        (Form("sms.example/send", FIELDS, "ok"), "write an https:// address"),
        (Form("https://sms.example/send", FIELDS, ".*"), "write what only a good answer holds"),
        (Form("https://sms.example/send", FIELDS, "ok", "id=[0-9]+"), "needs a group"),
    ],
)
def test_settings_that_would_leak_or_mislead_are_refused(form: Form, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        HttpGateway(form)
