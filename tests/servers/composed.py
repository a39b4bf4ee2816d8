"""docker-compose.yml as processes without Docker need it: what each service runs, and its environment on this machine.

Only what a container would see differently is translated: addresses of other services, and paths of volumes and secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
FOR_JAVA = "KAFKA_HEAP_OPTS"

Service = Mapping[str, Any]


def composed() -> dict[str, Any]:
    """The file, with what services share merged in."""
    return YAML(typ="safe").load(FILE)


def published(service: Service) -> int:
    """The port of this machine under which a service is found."""
    (port,) = service["ports"]
    return int(port.split(":")[1])


def replicas(service: Service) -> int:
    return int(service.get("deploy", {}).get("replicas", 1))


def kafka_properties(service: Service) -> dict[str, str]:
    """Lines of `server.properties` as Kafka's image makes them of the environment, but for addresses, identity and paths."""
    named = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in service["environment"].items()
        if name.startswith("KAFKA_") and name != FOR_JAVA
    }
    ours = ("listener", "controller.", "node.id", "process.roles", "log.dirs")
    return {name: value for name, value in named.items() if not any(part in name for part in ours)}


def initdb_arguments(service: Service) -> list[str]:
    return str(service["environment"]["POSTGRES_INITDB_ARGS"]).split()


def postgres_options(service: Service) -> dict[str, str]:
    """`-c name=value` of the command."""
    return dict(option.split("=") for option in service["command"] if "=" in option)


class Here:
    """Where things are that containers find otherwise: `addresses` by host:port there, `folders` by the path there."""

    def __init__(self, addresses: Mapping[str, str], folders: Mapping[str, Path]) -> None:
        self._addresses, self._folders = addresses, folders

    def environment(self, service: Service, port: int) -> dict[str, str]:
        """The environment of a service that is to listen on this port of loopback. Mails stay in the mailbox: no Mailpit here."""
        there = {
            name: str(value) for name, value in service["environment"].items() if not name.startswith("LAPOR_SMTP_")
        }
        here = {name: self._translated(value) for name, value in there.items()}
        return here | {"LAPOR_HOST": "127.0.0.1", "LAPOR_PORT": str(port)}

    def _translated(self, value: str) -> str:
        for there, folder in self._folders.items():
            if value == there or value.startswith(f"{there}/"):
                return f"{folder}{value.removeprefix(there)}"
        for there, address in self._addresses.items():
            value = value.replace(there, address)
        return value
