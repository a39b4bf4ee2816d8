"""The broker's settings: everything wrong is told at once, and persons' names cross no network in the clear."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from alerts.runtime.settings import Settings, SettingsError, read_settings


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "password").write_text("rahasia\n")
    return {"LAPOR_KAFKA_CA_FILE": str(tmp_path / "ca.pem"), "LAPOR_KAFKA_PASSWORD_FILE": str(tmp_path / "password")}


def mistakes(**environment: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(environment)
    return str(caught.value).splitlines()


def reads(**environment: str) -> Settings:
    return read_settings(environment)


def test_without_a_broker_there_is_none() -> None:
    assert reads().kafka is None


def test_everything_of_a_secured_broker_is_read_and_the_password_is_in_no_repr(files: dict[str, str]) -> None:
    settings = reads(
        LAPOR_KAFKA="k1.example:9093,k2.example:9093",
        LAPOR_KAFKA_SECURITY="SASL_SSL",
        LAPOR_KAFKA_USER="worker",
        **files,
    )
    assert settings.kafka
    assert settings.kafka.addresses == [("k1.example", 9093), ("k2.example", 9093)]
    assert settings.kafka.password == "rahasia"
    assert "rahasia" not in repr(settings)


@pytest.mark.parametrize("server", ["127.0.0.1:9092", "[::1]:9092", "localhost:9092", "kafka:9092"])
def test_plaintext_is_for_this_machine_and_for_the_containers_network(server: str) -> None:
    assert reads(LAPOR_KAFKA=server).kafka


@pytest.mark.parametrize("server", ["10.0.0.7:9092", "kafka.example:9092"])
def test_plaintext_is_refused_for_anything_further_away(server: str) -> None:
    (mistake,) = mistakes(LAPOR_KAFKA=f"kafka:9092,{server}")
    assert mistake.startswith("LAPOR_KAFKA_SECURITY: PLAINTEXT is not accepted for ")
    assert mistake.endswith("write SASL_SSL or SSL")


def test_all_mistakes_are_told_at_once() -> None:
    told = mistakes(
        LAPOR_KAFKA="kafka", LAPOR_KAFKA_SECURITY="SASL_SSL", LAPOR_KAFKA_CA_FILE="gone.pem", LAPOR_PORT="x"
    )
    assert [line.partition(":")[0] for line in told] == [
        "LAPOR_KAFKA",
        "LAPOR_KAFKA_PASSWORD_FILE",
        "LAPOR_KAFKA_USER",
        "LAPOR_PORT",
    ]


def test_a_file_that_holds_no_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    (mistake,) = mistakes(
        LAPOR_KAFKA="k:9093", LAPOR_KAFKA_SECURITY="SSL", LAPOR_KAFKA_CA_FILE=str(tmp_path / "ca.pem")
    )
    assert mistake.startswith(f"LAPOR_KAFKA_CA_FILE: {tmp_path}/ca.pem: ")


def test_what_would_not_be_used_is_told(files: dict[str, str]) -> None:
    del files["LAPOR_KAFKA_CA_FILE"]
    assert mistakes(LAPOR_KAFKA="k:9092", LAPOR_KAFKA_USER="u", **files) == [
        "LAPOR_KAFKA_PASSWORD_FILE: is not used by PLAINTEXT; write SASL_SSL, or remove it",
        "LAPOR_KAFKA_USER: is not used by PLAINTEXT; write SASL_SSL, or remove it",
    ]
    assert mistakes(LAPOR_KAFKA_USER="u") == ["LAPOR_KAFKA: is missing beside LAPOR_KAFKA_USER; write host:port"]
