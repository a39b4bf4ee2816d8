"""The embedded service needs neither Kafka nor PostgreSQL: it does not even import their clients."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.service import Service

WITHOUT = """
import sys
for name in ("faust", "mode", "aiokafka", "kafka", "psycopg"):
    sys.modules[name] = None  # to import it is an error
from alerts.cli import main
main()
"""


def test_the_embedded_service_runs_where_no_client_of_the_cluster_can_be_imported(tmp_path: Path) -> None:
    service = Service(tmp_path / "here")
    try:
        service.begin("-c", WITHOUT, "serve")
        service.ready()
        answer = service.http.post("/api/v1/events", json={}, headers={"content-type": "application/cloudevents+json"})
        assert answer.status_code == 422, answer.text
        assert service.http.get("/").is_success
    finally:
        service.kill()
