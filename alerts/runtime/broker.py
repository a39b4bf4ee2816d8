"""The settings of the broker: read and checked, all mistakes at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from alerts.publisher.connection import Connection

NAMES = {f"LAPOR_KAFKA{rest}" for rest in ("", "_SECURITY", "_CA_FILE", "_USER", "_PASSWORD_FILE")}
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_SSL", "SASL_PLAINTEXT")
_SERVER = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}").fullmatch


def read_broker(environment: Mapping[str, str], secret: Callable[[str], str]) -> tuple[Connection | None, list[str]]:
    """How to reach the broker, None where no variable names one, and what is wrong with the variables."""
    given = {name.removeprefix("LAPOR_KAFKA"): environment[name] for name in NAMES & environment.keys()}
    if not given:
        return None, []
    if "" not in given:
        return None, [
            f"LAPOR_KAFKA: is missing beside {', '.join(sorted(NAMES & environment.keys()))}; write host:port"
        ]
    security, password = given.get("_SECURITY", "PLAINTEXT"), ""
    mistakes = [*_wrong_servers(given[""], security), *_wrong_login(given, security)]
    if "_PASSWORD_FILE" in given:
        try:
            password = secret(given["_PASSWORD_FILE"])
        except (OSError, ValueError) as error:
            mistakes.append(f"LAPOR_KAFKA_PASSWORD_FILE: {error}")
    connection = Connection(
        servers=given[""],
        security=security,
        ca_file=Path(given["_CA_FILE"]) if "_CA_FILE" in given else None,
        user=given.get("_USER", ""),
        password=password,
    )
    if not mistakes:
        try:
            connection.ssl_context()
        except OSError as error:  # ssl.SSLError is one, too
            mistakes.append(f"LAPOR_KAFKA_CA_FILE: {given.get('_CA_FILE')}: {error}; write a file of PEM certificates")
    return connection, mistakes


def _wrong_servers(servers: str, security: str) -> list[str]:
    wrong = [server for server in servers.split(",") if not _SERVER(server.strip())]
    if wrong:
        return [f"LAPOR_KAFKA: {server!r} is no server; write host:port,host:port" for server in wrong]
    if security not in PROTOCOLS:
        return [f"LAPOR_KAFKA_SECURITY: {security!r}; write one of {', '.join(PROTOCOLS)}"]
    exposed = Connection(servers=servers, security=security).exposed
    return [f"LAPOR_KAFKA_SECURITY: {security} is not accepted for {host}; write SASL_SSL or SSL" for host in exposed]


def _wrong_login(given: Mapping[str, str], security: str) -> list[str]:
    login = {name for name in ("_USER", "_PASSWORD_FILE") if given.get(name)}
    if security.startswith("SASL"):
        missing = {"_USER", "_PASSWORD_FILE"} - login
        return [f"LAPOR_KAFKA{name}: is missing; {security} needs user and password" for name in sorted(missing)]
    return [f"LAPOR_KAFKA{name}: is not used by {security}; write SASL_SSL, or remove it" for name in sorted(login)]
