"""Settings: environment variables `LAPOR_*`, read once into one frozen value, all mistakes reported together.

Secrets come from the environment or from files (`…_FILE`), never from the repository.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

import alerts
from alerts.channels import Channel
from alerts.channels.email import EmailChannel, compose
from alerts.channels.gammu import GammuSmsd
from alerts.channels.mailbox import Mailbox
from alerts.channels.sms import Form, HttpGateway
from alerts.core.letters import Message
from alerts.publisher.connection import Connection
from alerts.runtime.broker import NAMES as BROKER_NAMES
from alerts.runtime.broker import read_broker
from alerts.store.database import Address, Where


class SettingsError(Exception):
    """One line per mistake: the variable, what is wrong, what to write."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are and who carries notices. Paths are created when they are first used."""

    data: Path  # local mailbox, and the database unless there is an address
    database_url: str  # of PostgreSQL, without the password; empty: SQLite
    database_password: str
    rules: Path
    templates: Path
    host: str
    port: int
    hosts: tuple[str, ...]  # names that the page may be asked by, beside its own
    smtp_host: str  # empty: mails go to the local mailbox
    smtp_port: int
    smtp_starttls: str  # required | never (loopback only)
    smtp_user: str
    smtp_password: str
    mail_from: str
    sms_url: str  # empty, with no gammu_database: SMS go to the local mailbox
    sms_fields: dict[str, str]
    sms_success: str  # what only a good answer holds; nobody can guess it, so there is no default
    sms_secrets: dict[str, str]
    gammu_database: str
    log: str  # lines for people (text) or for programs (json)
    kafka: Connection | None  # None: embedded, without a broker

    @property
    def database(self) -> Where:
        if self.database_url:
            return Address(self.database_url, self.database_password or None)
        return self.file

    @property
    def file(self) -> Path:
        """The database where there is no address."""
        return self.data / "lapor-dini.sqlite"

    @property
    def mailbox(self) -> Path:
        return self.data / "mailbox"

    @property
    def mail_domain(self) -> str:
        return parseaddr(self.mail_from)[1].rpartition("@")[2]


def shipped(name: str) -> Path:
    """A folder that comes with the program (`rules`, `templates`): inside the wheel, or at the top of a checkout."""
    package = Path(alerts.__file__).parent
    inside = package / "_data" / name
    return inside if inside.is_dir() else package.parent / name


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings in force. Raises SettingsError naming every variable that is wrong."""
    mistakes: list[str] = []

    def read(name: str, default: Any, convert: Callable[[str], Any] = str) -> Any:
        text = environment.get(f"LAPOR_{name}")
        try:
            return default if text is None else convert(text)
        except (ValueError, OSError, msgspec.MsgspecError) as error:
            mistakes.append(f"LAPOR_{name}: {error}")
            return default

    kafka, wrong = read_broker(environment, _secret)
    mistakes += wrong
    settings = Settings(
        kafka=kafka,
        data=read("DATA", Path("var"), Path),
        database_url=read("DATABASE", "", address),
        database_password=read("DATABASE_PASSWORD_FILE", "", _secret),
        rules=read("RULES", shipped("rules"), _folder),
        templates=read("TEMPLATES", shipped("templates"), _folder),
        host=read("HOST", "127.0.0.1"),
        port=read("PORT", 8080, _port),
        hosts=read("HOSTS", (), lambda text: tuple(text.replace(",", " ").split())),
        smtp_host=read("SMTP_HOST", ""),
        smtp_port=read("SMTP_PORT", 587, _port),
        smtp_starttls=read("SMTP_STARTTLS", "required", _starttls),
        smtp_user=read("SMTP_USER", ""),
        smtp_password=read("SMTP_PASSWORD_FILE", environment.get("LAPOR_SMTP_PASSWORD", ""), _secret),
        mail_from=read("MAIL_FROM", "Lapor Dini <lapor-dini@lapor-dini.example>", _sender),
        sms_url=read("SMS_URL", ""),
        sms_fields=read("SMS_FIELDS", {"to": "{to}", "message": "{text}", "reference": "{reference}"}, _json_object),
        sms_success=read("SMS_SUCCESS", ""),
        sms_secrets=read("SMS_SECRETS_FILE", {}, lambda path: _json_object(_secret(path))),
        gammu_database=read("GAMMU_DATABASE", ""),
        log=read("LOG", "text", _log),
    )
    mistakes += (
        f"{name}: unknown setting" for name in sorted(environment) if name.startswith("LAPOR_") and name not in _NAMES
    )
    if settings.sms_url and settings.gammu_database:
        mistakes.append("LAPOR_SMS_URL and LAPOR_GAMMU_DATABASE: both are set; write one of them")
    mistakes += _unusable_channels(settings)
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return settings


def channels(settings: Settings) -> dict[str, Channel]:
    """The carriers in force by channel; the local mailbox for a channel that is not configured. Raises ValueError."""
    email: Channel = Mailbox(settings.mailbox, "email")
    if settings.smtp_host:
        email = EmailChannel(
            settings.smtp_host,
            settings.smtp_port,
            "never" if settings.smtp_starttls == "never" else "required",
            username=settings.smtp_user or None,
            password=settings.smtp_password or None,
        )
    sms: Channel = Mailbox(settings.mailbox, "sms")
    if settings.sms_url:
        if not settings.sms_success:
            raise ValueError("LAPOR_SMS_SUCCESS: write a pattern that fits only the gateway's good answers")
        form = Form(settings.sms_url, settings.sms_fields, settings.sms_success)
        sms = HttpGateway(form, secrets=settings.sms_secrets)
    elif settings.gammu_database:
        sms = GammuSmsd(Path(settings.gammu_database))
    return {"email": email, "sms": sms}


def _unusable_channels(settings: Settings) -> list[str]:
    try:
        channels(settings)
    except Exception as error:  # whatever a carrier says of its settings
        return [f"carriers: {error}"]
    return []


_OTHERWISE = ("sms_secrets", "database_url", "database_password")  # not named like the variable that gives it
_NAMES = {f"LAPOR_{name.upper()}" for name in Settings.__struct_fields__ if name not in _OTHERWISE}
_NAMES |= {
    "LAPOR_SMTP_PASSWORD_FILE",
    "LAPOR_SMS_SECRETS_FILE",
    "LAPOR_URL",
    "LAPOR_DATABASE",
    "LAPOR_DATABASE_PASSWORD_FILE",
    *BROKER_NAMES,
}


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise ValueError(f"{text} is not a folder; write the path of one")
    return path


def _port(text: str) -> int:
    if not text.isdigit() or not 0 <= int(text) < 65536:
        raise ValueError(f"{text!r} is not a port; write a number from 0 to 65535")
    return int(text)


def address(text: str) -> str:
    """Of a PostgreSQL database. Raises ValueError."""
    parts = urlsplit(text)
    if (
        parts.scheme != "postgresql"
        or not parts.path.strip("/")
        or parts.password
        or "password" in parse_qs(parts.query)
    ):
        raise ValueError(
            "write postgresql://user@host:port/database, and the password into LAPOR_DATABASE_PASSWORD_FILE"
        )
    return text


def _starttls(text: str) -> str:
    if text not in ("required", "never"):
        raise ValueError(f"{text!r}: write required, or never for a relay on this machine")
    return text


def _log(text: str) -> str:
    if text not in ("text", "json"):
        raise ValueError(f"{text!r}: write json, or text for people")
    return text


def _sender(text: str) -> str:
    """Checked by wording a mail with it: a sender that is none would cost every mail later."""
    trial = Message(notice="uji", channel="email", address="uji@lapor-dini.example", subject="uji", text="uji")
    try:
        compose(trial, text, "lapor-dini.example", datetime(2026, 1, 1, tzinfo=UTC))
    except (ValueError, LookupError):
        raise ValueError(f"{text!r} is not one e-mail address; write Name <name@domain>") from None
    return text


def _secret(path: str) -> str:
    return Path(path).read_text(encoding="utf-8").strip()


def _json_object(text: str) -> dict[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])
