"""docker-compose.yml, the Dockerfile and what stands beside them: read by those who will read them, and as hardened as they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from alerts.runtime.settings import read_settings
from tests.operations.test_rules import GIVEN, ROOT, checked
from tests.servers.compose import config
from tests.servers.composed import FILE, Here, composed
from tests.servers.kafka import VERSION

FILES = composed()
SERVICES: dict[str, dict[str, Any]] = FILES["services"]
OURS = {name: it for name, it in SERVICES.items() if it["image"].startswith("lapor-dini:")}
TAG = re.compile(r"[a-z./-]+:v?\d+\.\d+(?:\.\d+)?(?:-[a-z]+)?")
SECRET = re.compile(r"(?i)(password|secret|token|key)")
each_service = pytest.mark.parametrize("name", SERVICES)


def test_the_compose_client_reads_it_with_every_profile(tmp_path: Path) -> None:
    assert "service_completed_successfully" in config(FILE)
    (tmp_path / FILE.name).write_text(FILE.read_text().replace("mem_limit: 1g", "mem_limits: 1g"))
    with pytest.raises(RuntimeError, match="mem_limits"):
        config(tmp_path / FILE.name)


@each_service
def test_every_service_is_watched_limited_and_hardened(name: str) -> None:
    it = SERVICES[name]
    assert it["healthcheck"].get("test") or it["restart"] == "on-failure:5", "one that ends is waited for instead"
    assert it["mem_limit"] and it["cpus"] and it["pids_limit"]
    assert re.fullmatch(r"[1-9]\d*:\d+", it["user"]), "a number, so that a name in the image does not decide"
    assert (it["read_only"], it["cap_drop"], it["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert not it.keys() & {"privileged", "cap_add", "devices", "pid", "ipc"}


@each_service
def test_nothing_is_published_but_on_loopback_and_no_socket_of_docker_is_given_away(name: str) -> None:
    it = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in it.get("ports", ()))
    volumes = [volume.split(":") for volume in it.get("volumes", ())]
    assert all(
        source in FILES["volumes"] or (source.startswith("./") and mode == ["ro"]) for source, _, *mode in volumes
    )
    assert all((ROOT / source).exists() for source, *_ in volumes if source.startswith("./"))


@each_service
def test_images_are_pinned_and_no_secret_stands_in_the_file(name: str) -> None:
    it = SERVICES[name]
    assert TAG.fullmatch(it["image"]) or name in OURS
    named = {key: value for key, value in it.get("environment", {}).items() if SECRET.search(key)}
    assert all(key.endswith("FILE") and value.startswith("/run/secrets/") for key, value in named.items())
    used = {Path(value).name for value in named.values()}
    assert used == set(it.get("secrets", ())), "each service has those that it reads"


def test_secrets_are_files_that_make_makes_once_and_git_never_sees(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    made = []
    for _ in range(2):
        subprocess.run(["make", "secrets"], cwd=tmp_path, check=True, capture_output=True)
        made.append({name: (tmp_path / it["file"]).read_text() for name, it in FILES["secrets"].items()})
    assert made[0] == made[1]
    assert all(re.fullmatch(r"[\w-]{32}\n", word) for word in made[0].values())
    assert len(set(made[0].values())) == len(made[0])
    assert (tmp_path / "var" / "secrets").stat().st_mode & 0o777 == 0o700
    ignored = subprocess.run(["git", "check-ignore", "--quiet", "var/secrets/x"], cwd=ROOT, check=False)
    assert ignored.returncode == 0


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_told_only_settings_that_there_are(name: str, tmp_path: Path) -> None:
    for word in FILES["secrets"]:
        (tmp_path / word).write_text("rahasia")
    here = Here({}, {"/run/secrets": tmp_path, "/rules": ROOT / "rules", "/data": tmp_path})
    settings = read_settings(here.environment(OURS[name], 8080))
    if name not in ("init", "embedded"):
        assert settings.database_password == "rahasia"
    assert (settings.kafka is not None) == (name in ("init", "worker", "dispatch"))
    mail = {key: value for key, value in OURS[name]["environment"].items() if key.startswith("LAPOR_SMTP_")}
    assert bool(read_settings(mail).smtp_host) == (name == "dispatch")


def test_a_setting_that_there_is_not_would_be_found(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="LAPOR_RULE: unknown setting"):
        read_settings({"LAPOR_RULE": str(tmp_path)})


@pytest.mark.parametrize("name", OURS)
def test_signals_reach_our_processes_and_nothing_dead_is_left_behind(name: str) -> None:
    assert OURS[name]["init"] is True


def test_the_broker_is_the_one_of_the_proofs_or_the_readme_says_which_each_is() -> None:
    named = SERVICES["kafka"]["image"].partition(":")[2]
    readme = (ROOT / "README.md").read_text()
    assert named == VERSION or (f"Kafka {named}" in readme and f"Kafka {VERSION}" in readme)


class Ready(BaseHTTPRequestHandler):
    """Dispatch, as far as Mailpit asks it."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize("ends", ["dispatch", "mailpit"])
def test_mailpit_ends_to_be_started_again_when_it_or_dispatch_does_not_answer(ends: str, tmp_path: Path) -> None:
    """Its command as it stands, with another program, another port and a shorter pause."""
    it = SERVICES["mailpit"]
    assert (it["restart"], it["network_mode"], it["init"]) == ("unless-stopped", "service:dispatch", True)
    program, alive = tmp_path / "mailpit", tmp_path / "alive"
    program.write_text(f'#!/bin/sh\n[ "$1" = readyz ] || exec sleep 60\necho asked\ntest -e {alive}\n')
    program.chmod(0o755)
    alive.touch()
    dispatch = ThreadingHTTPServer(("127.0.0.1", 0), Ready)
    threading.Thread(target=dispatch.serve_forever, daemon=True).start()
    (command,) = it["command"]
    for of_the_image, here in (
        ("/mailpit", str(program)),
        (":8080", f":{dispatch.server_port}"),
        ("sleep 5", "sleep 0.1"),
    ):
        assert of_the_image in command
        command = command.replace(of_the_image, here)
    with subprocess.Popen([*it["entrypoint"], command], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout
            assert [process.stdout.readline() for _ in range(3)] == [b"asked\n"] * 3, "it goes on while both answer"
            assert process.poll() is None
            if ends == "mailpit":
                alive.unlink()
            else:
                dispatch.shutdown()
                dispatch.server_close()
            assert process.wait(timeout=20) == 1
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            if ends == "mailpit":
                dispatch.shutdown()
                dispatch.server_close()


def test_prometheus_accepts_its_settings_and_asks_every_role() -> None:
    assert checked("check", "config", GIVEN / "prometheus.yaml") == ""
    (scraped,) = YAML(typ="safe").load(GIVEN / "prometheus.yaml")["scrape_configs"]
    asked = {target.split(":")[0] for group in scraped["static_configs"] for target in group["targets"]}
    asked |= {name for found in scraped["dns_sd_configs"] for name in found["names"]}
    assert asked == OURS.keys() - {"init", "embedded"}
    assert scraped["job_name"] == "lapor-dini", "the alert rules go by it"
    assert SERVICES["web"]["environment"]["LAPOR_HOSTS"] == "web", "the page refuses other names"


def test_grafana_finds_its_datasource_and_the_dashboard() -> None:
    (source,) = YAML(typ="safe").load(GIVEN / "grafana-datasource.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = YAML(typ="safe").load(GIVEN / "grafana-dashboards.yaml")["providers"]
    mounted = {path for _, path, _ in (volume.split(":") for volume in SERVICES["grafana"]["volumes"][:-1])}
    assert f"{provider['options']['path']}/dashboard.json" in mounted
    assert {Path(path).parent.name for path in mounted} >= {"datasources", "dashboards"}


def test_the_image_has_pinned_parts_no_root_and_no_cache() -> None:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    told = [tuple(line.split(maxsplit=1)) for line in lines]
    assert all(
        re.match(r"python:\d+\.\d+\.\d+-slim-[a-z]+( AS build)?$", what) for word, what in told if word == "FROM"
    )
    installs = [what for word, what in told if word == "RUN" and "pip install" in what]
    assert all("--no-cache-dir" in what and ("--require-hashes" in what or "--no-deps ." in what) for what in installs)
    words = [word for word, _ in told]
    assert set(words) <= {"FROM", "WORKDIR", "RUN", "COPY", "ENV", "USER", "ENTRYPOINT", "CMD"}, (
        "no ADD, no ARG with secrets"
    )
    user = next(what for word, what in told if word == "USER")
    assert {it["user"] for it in OURS.values()} == {user}
    assert words.index("USER") > max(n for n, word in enumerate(words) if word == "RUN")
    assert all(what.startswith("[") for word, what in told if word in ("ENTRYPOINT", "CMD")), (
        "signals reach the process"
    )
    copied = {what.split()[0] for word, what in told if word == "COPY" and not what.startswith("--from")}
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_is_built_of_what_it_copies_and_nothing_else() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert allowed == {name for line in copied for name in line.split()[:-1]}


def test_copies_are_made_by_a_pg_dump_as_new_as_the_server() -> None:
    (client,) = re.findall(r"postgresql-client-(\d+)", (ROOT / "Dockerfile").read_text())
    assert SERVICES["postgres"]["image"].startswith(f"postgres:{client}.")
