"""The broker as an operator is to run it: TLS with its own authority, users by SCRAM-SHA-512, nothing allowed without an ACL.

The authority and all passwords are made for one run. What users may do, the operators' page says; its commands are run.
"""

from __future__ import annotations

import secrets
import ssl
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tests.servers.kafka import Broker, libraries

TOOLS = {"kafka-acls.sh": "AclCommand", "kafka-configs.sh": "ConfigCommand"}
BROKER = "broker"  # as it is called by its certificate and as a user


class Secured:
    """A broker with listener SASL_SSL, its administrator `admin`, and where the authority's certificate is."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self._keystore = folder / "broker.pem"
        self._keystore.write_bytes(_as_kafka_reads_it(authority.issue_cert("127.0.0.1", common_name=BROKER)))
        self.passwords = {BROKER: secrets.token_hex(16), "admin": secrets.token_hex(16)}
        # kafka-python forgets an answer that it reads together with the end of the connection: 0.1 s apart is not enough here.
        apart = {"connection.failed.authentication.delay.ms": "2000"}
        properties = self.properties() | apart
        self.broker = Broker(folder / "broker", properties, security="SASL_SSL", scram=self.passwords)

    def properties(self) -> dict[str, str]:
        login = f'username="{BROKER}" password="{self.passwords[BROKER]}"'
        return {
            "listener.security.protocol.map": "CONTROLLER:SSL,SASL_SSL:SASL_SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca_file),
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                f"org.apache.kafka.common.security.scram.ScramLoginModule required {login};"
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{BROKER};User:admin",
        }

    def tools(self) -> Path:
        """A folder with Kafka's own commands, as they are called after an installation."""
        folder = self.ca_file.with_name("bin")
        folder.mkdir(exist_ok=True)
        for name, command in TOOLS.items():
            script = folder / name
            script.write_text(
                f'#!/bin/sh\nexec java -Xmx256m -cp "{libraries()}/*" org.apache.kafka.tools.{command} "$@"\n'
            )
            script.chmod(0o755)
        return folder

    def command_config(self) -> Path:
        """What Kafka's own tools need to speak as `admin`."""
        file = self.ca_file.with_name("admin.properties")
        login = f'username="admin" password="{self.passwords["admin"]}"'
        file.write_text(
            "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nssl.truststore.type=PEM\n"
            f"ssl.truststore.location={self.ca_file}\n"
            f"sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required {login};\n"
        )
        return file

    def as_user(self, user: str) -> dict[str, Any]:
        """Settings of kafka-python for a user."""
        return {
            "bootstrap_servers": self.broker.servers,
            "security_protocol": "SASL_SSL",
            "ssl_context": ssl.create_default_context(cafile=str(self.ca_file)),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": self.passwords[user],
        }


def _as_kafka_reads_it(certificate: trustme.LeafCert) -> bytes:
    """Key and chain in one file, the key in PKCS #8."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), password=None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem + b"".join(part.bytes() for part in certificate.cert_chain_pems)
