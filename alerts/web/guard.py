"""Before and after every answer: whom it may be for, and what a browser may do with it.

The service listens on loopback and has no login, so its one wall is that only this machine can ask. A web site could have its own
name point to 127.0.0.1 and let a visitor's browser ask (DNS rebinding); the Host header then carries that name, and is refused.
"""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_REFUSED = "Host tidak dikenal / Host not served here. Tulis / write http://127.0.0.1 or localhost, or add the host.\n"


class Guard:
    """Refuses a Host that is neither loopback nor one of `hosts` (400), and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self._app, self._hosts = app, frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(named) == 1 and self._served(named[0]):
            await self._app(scope, receive, send_with_headers)
        else:
            await PlainTextResponse(_REFUSED, 400)(scope, receive, send_with_headers)

    def _served(self, host: str) -> bool:
        name = _without_port(host).lower()
        return name == "localhost" or name in self._hosts or _is_loopback(name)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
