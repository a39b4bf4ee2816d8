"""Where a Kafka broker is and how one speaks to it; why it cannot be spoken to, in plain words.

kafka-python says "Unable to bootstrap" whatever is wrong, and waits for ever for a broker that takes the connection and then
never answers in TLS. So each attempt begins with a look of our own: name, port, certificate.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import msgspec

LOOK_S = 5.0  # for one server to take the connection and to show its certificate
BOOTSTRAP_MS = 5_000

T = TypeVar("T")


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Servers as `host:port,host:port`, and what they ask for: TLS, and a user by SCRAM-SHA-512."""

    servers: str
    security: str = "PLAINTEXT"  # | SSL | SASL_SSL | SASL_PLAINTEXT
    ca_file: Path | None = None  # the authority of the brokers' certificates; None: those that the system trusts
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:  # nobody's log is to have the password
        return f"Connection({self.servers}, {self.security}, user={self.user!r})"

    @property
    def addresses(self) -> list[tuple[str, int]]:
        pairs = (server.strip().rpartition(":") for server in self.servers.split(","))
        return [(host.strip("[]"), int(port)) for host, _, port in pairs]

    @property
    def exposed(self) -> list[str]:
        """The hosts that names of persons would reach over a network that anybody may listen to."""
        return [host for host, _ in self.addresses if self.security.endswith("PLAINTEXT") and not _near(host)]

    def ssl_context(self) -> ssl.SSLContext | None:
        """For TLS 1.2 or newer, with the host name checked; None for a broker without TLS."""
        if self.security not in ("SSL", "SASL_SSL"):
            return None
        return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)

    def options(self) -> dict[str, Any]:
        """Of every client of kafka-python."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.servers.split(","),
            "security_protocol": self.security,
            "ssl_context": self.ssl_context(),
            "bootstrap_timeout_ms": BOOTSTRAP_MS,
        }
        if self.security.startswith("SASL"):
            options |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options


class NoBroker(Exception):  # noqa: N818 - reads as what happened
    """The broker cannot be used; the message says why. `settings` are wrong then: to try again is of no use."""

    def __init__(self, text: str, *, settings: bool = False) -> None:
        super().__init__(text)
        self.settings = settings


def connected(connection: Connection, client: Callable[..., T], **options: Any) -> T:
    """A client of kafka-python that has found its brokers. Raises NoBroker; takes 10 s for each server at most."""
    from kafka.errors import KafkaError  # noqa: PLC0415 - a third of a second, for those who never speak to a broker

    _look(connection)
    with _LastFailure() as last:
        try:
            return client(**connection.options(), **options)
        except KafkaError as error:
            raise no_broker(connection, last.error or error) from error
        except ValueError as error:  # kafka-python's way to say that it found no server it can speak to
            raise NoBroker(f"{connection.servers}: {error}") from error


def no_broker(connection: Connection, error: BaseException) -> NoBroker:
    """What an error of kafka-python means to whoever set this up."""
    name = type(error).__name__
    if name == "SaslAuthenticationFailedError":
        text = f"{connection.servers} refuses user {connection.user!r} with this password; check both"
        return NoBroker(text, settings=True)
    if name in ("UnsupportedSaslMechanismError", "IllegalSaslStateError"):
        return NoBroker(f"{connection.servers} does not know users by SCRAM-SHA-512", settings=True)
    if name.endswith("AuthorizationFailedError"):
        text = f"{connection.servers}: user {connection.user!r} may not do this ({error}); the operator gives the ACL"
        return NoBroker(text, settings=True)
    if name == "UnknownTopicOrPartitionError":
        return NoBroker(
            f"{connection.servers}: there is no such topic ({error}); the operator runs `lapor-dini kafka init`"
        )
    if name == "InvalidReceiveError":
        text = f"{connection.servers} does not speak {connection.security}; check the port and the security protocol"
        return NoBroker(text, settings=True)
    if name == "KafkaConnectionError" and connection.user:
        # The client may read the refusal together with the end of the connection, and tells only of the end.
        return NoBroker(f"{connection.servers}: {error}; if it goes on, check user {connection.user!r} and password")
    return NoBroker(f"{connection.servers}: {error}")


def _near(host: str) -> bool:
    """On this machine, or a name of the containers' own network."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return "." not in host


def _look(connection: Connection) -> None:
    """Whether one of the servers takes the connection and shows a certificate that we trust. Raises NoBroker."""
    context = connection.ssl_context()
    failures = []
    for host, port in connection.addresses:
        try:
            with socket.create_connection((host, port), timeout=LOOK_S) as plain:
                if context:
                    context.wrap_socket(plain, server_hostname=host).close()
                return
        except ssl.SSLCertVerificationError as error:
            by = connection.ca_file or "the authorities that this system trusts"
            text = f"{host}:{port}: its certificate is not trusted ({error.verify_message}); it was checked by {by}"
            failures.append(NoBroker(text, settings=True))
        except ssl.SSLError as error:
            text = f"{host}:{port} does not speak TLS there ({error.reason}); check the port and the security protocol"
            failures.append(NoBroker(text, settings=True))
        except OSError as error:
            failures.append(NoBroker(f"{host}:{port} cannot be reached: {error.strerror or error}"))
    raise NoBroker("; ".join(map(str, failures)), settings=all(failure.settings for failure in failures))


# What tells more than that the connection ended, as it does after each of these.
_TELLING = (
    "KafkaConnectionError",
    "InvalidReceiveError",
    "UnsupportedSaslMechanismError",
    "SaslAuthenticationFailedError",
)


def _telling(error: BaseException | None) -> int:
    name = type(error).__name__
    return _TELLING.index(name) if name in _TELLING else -1


class _LastFailure(logging.Handler):
    """kafka-python tells why it cannot connect to its log only."""

    error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        for value in record.args if isinstance(record.args, tuple) else ():
            if isinstance(value, BaseException) and _telling(value) >= _telling(self.error):
                self.error = value

    def __enter__(self) -> _LastFailure:
        logging.getLogger("kafka.net.manager").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("kafka.net.manager").removeHandler(self)
