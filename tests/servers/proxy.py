"""A way to a server that breaks at a moment: once the client has said certain words, before or after the server heard them."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """`url` leads to the server through us."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        user = parts.netloc.rpartition("@")[0]
        self.url = urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{port}"))
        self.cuts = 0
        self._words, self._reached = b"", False
        self._open: list[socket.socket] = []

    def cut_at(self, words: bytes, *, reached: bool) -> None:
        """Break once, at these words, `reached` the server by then or not. Its answer does not come through."""
        self._words, self._reached = words, reached

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._open += (client, server)
            threading.Thread(target=self._there, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(client, server), daemon=True).start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        while said := _received(client):
            if self._words and self._words in said:
                self._words = b""
                self.cuts += 1
                client.shutdown(socket.SHUT_RDWR)  # before the server can have answered
                if self._reached:
                    server.sendall(said)
                    server.shutdown(socket.SHUT_WR)  # it reads to the end, then ends the session
                else:
                    server.shutdown(socket.SHUT_RDWR)
                return
            try:
                server.sendall(said)
            except OSError:  # the other direction has ended
                return
        _ended(server)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        while said := _received(server):
            try:
                client.sendall(said)
            except OSError:
                return
        _ended(client)


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 16)
    except OSError:
        return b""


def _ended(other: socket.socket) -> None:
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
