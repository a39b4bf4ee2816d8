"""What a second process finds, and what a person is told at the command line."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from tests.e2e.service import Service


def test_a_second_service_on_the_same_data_does_not_start_and_nothing_writes_beside_the_first(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.start()
    try:
        for command in (["serve"], ["rebuild"], ["quarantine", "retry"]):
            second = service.run(*command)
            assert second.returncode in (2, 3), command
            assert "in use by another lapor-dini" in second.stderr
            assert "Traceback" not in second.stderr
        assert service.run("rebuild", "--check").returncode == 0, "looking is allowed"
    finally:
        service.kill()
    service.start()  # kill -9 leaves no lock behind
    service.kill()


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    first, second = Service(tmp_path / "a"), Service(tmp_path / "b")
    first.start()
    try:
        second.environment["LAPOR_PORT"] = str(first.port)
        told = second.run("serve")
        assert told.returncode == 3
        assert "LAPOR_PORT" in told.stderr
        assert len(told.stderr.splitlines()) == 1
    finally:
        first.kill()


def test_a_line_that_is_no_json_is_named_and_the_others_are_published(tmp_path: Path) -> None:
    service = Service(tmp_path / "s")
    service.start()
    try:
        file = tmp_path / "day.jsonl"
        beat = '{"specversion": "1.0", "id": "b1", "source": "imigrasi/jambi", "type": "feed.heartbeat.v1",'
        file.write_text(beat + ' "time": "2026-01-01T00:00:00+07:00", "data": {}}\n{oops\n')
        told = service.run("publish", str(file))
        assert told.returncode == 1
        assert f"{file}:2: cannot be read as JSON" in told.stderr
        assert "accepted 1" in told.stderr
    finally:
        service.kill()


class _OneBatch(BaseHTTPRequestHandler):
    """A service that ends after its first answer."""

    def do_POST(self) -> None:
        events = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps({"answers": [{"status": "accepted", "receipt": "R-1"}] * len(events)}).encode()
        self.send_response(200 if len(events) == 500 else 503)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_what_was_answered_before_the_service_ended_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "year.jsonl"
    file.write_text("{}\n" * 501)
    with HTTPServer(("127.0.0.1", 0), _OneBatch) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        told = Service(tmp_path / "s").run("publish", "--to", f"http://127.0.0.1:{server.server_port}", str(file))
        server.shutdown()
    assert told.returncode == 3
    assert "503" in told.stderr
    assert "answered before that: accepted 500" in told.stderr
