"""The real process with LAPOR_LOG=json: every line that it writes is one JSON object, whatever is sent to it, and names nobody."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.e2e.agency import BATCH, overstay
from tests.e2e.service import Service, until

SECRETS = ("E000001", "EP000001", "Contoh Nama Rahasia", "contoh@rahasia.example", "+628110000001")


def test_every_line_of_a_service_is_json_and_names_nobody(tmp_path: Path) -> None:
    service = Service(tmp_path / "here", LAPOR_LOG="json")
    service.start()
    refused = overstay(1)
    refused["data"] |= {"valid_from": "Contoh Nama Rahasia", "contact": SECRETS[3:]}
    refused["data"]["person"]["full_name"] = "Contoh Nama Rahasia"
    try:
        answer = service.http.post("/api/v1/events", content=json.dumps([refused, overstay(2)]), headers=BATCH)
        assert (answer.json()["accepted"], answer.json()["quarantined"]) == (1, 1)
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall(b"X1234567 is no request\r\n\r\n")
            connection.recv(1000)
        rules = service.rules / "orang-asing" / "stay_expired.yaml"
        rules.write_text(rules.read_text().replace("keep: 180d", "keep: long"))
        until(lambda: "NOT in force" in service.log.read_text(), "the edit is refused", log=service.log)
    finally:
        service.kill()
    text = service.log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(line.keys() >= {"timestamp", "level", "logger", "message"} for line in lines)
    assert {line["logger"] for line in lines} == {"lapor-dini", "uvicorn.error"}
    (told,) = [line for line in lines if line.get("event_id")]
    assert (told["event_id"], told["source"], told["level"]) == ("permit-1", "imigrasi/uji", "warning")
    assert not [secret for secret in (*SECRETS, "X1234567") if secret in text]
