"""The Grafana dashboard asks for metrics that exist."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from leomock.operations.dispatch import Dispatcher
from leomock.server.metrics import CallCounts, Metrics
from leomock.state.matching import differences
from tests.deploy.shards import DEPLOY

register_default_plugins()  # they know the queries of Prometheus
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
PAGE = (DEPLOY.parent / "docs/how-to/scale.md").read_text("utf-8")
# Of prometheus_client's own collector, which exists on Linux only.
OF_THE_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def metrics() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the type and labels of every metric by the name it is queried under."""
    counts = CallCounts()
    counts.add("createGeneration", 200, 0.1, ["rule"])
    families = list(Metrics(Dispatcher().worlds, counts, Counter({"accepted": 1}), lambda: 1.0).collect())
    labels = {"leomock_queue_length": ("queue",)}  # without a job there is no sample
    return {
        family.name + suffix: (
            family.type,
            tuple(family.samples[0].labels) if family.samples else labels[family.name],
        )
        for family in families
        for suffix in SUFFIXES[family.type]
    }


def queries() -> list[tuple[str, str]]:
    """Return every query with its legend."""
    return [
        (each["expr"], each["legendFormat"]) for panel in DASHBOARD["panels"] for each in panel["targets"]
    ]


def test_every_query_asks_for_a_metric_with_its_labels() -> None:
    known = metrics()
    for query, legend in queries():
        [name] = re.findall(r"\b((?:leomock|process)_\w+)", query)
        wanted = set(re.findall(r"by \((\w+)\)", query)) | set(re.findall(r"\{\{(\w+)\}\}", legend))
        if name not in OF_THE_PROCESS:
            assert wanted - {"instance"} <= set(known[name][1]), query


def test_every_metric_is_on_the_dashboard() -> None:
    asked = " ".join(query for query, _ in queries())
    missing = [name for name in metrics() if name not in asked and not name.endswith(("_count", "_sum"))]
    assert missing == []


def test_every_metric_is_documented() -> None:
    documented = set(re.findall(r"`(leomock_\w+)`", PAGE))
    assert documented == {re.sub(r"_(bucket|count|sum)$", "", name) for name in metrics()}


def test_dashboard_fits_the_schema_of_grafana() -> None:
    """Grafana's own types keep the fields that their schema knows, so that nothing of ours may get lost."""
    read = Dashboard.from_json(DASHBOARD)
    written = json.loads(json.dumps(read, cls=JSONEncoder))
    assert list(differences(DASHBOARD, written)) == []


def test_panels_do_not_overlap() -> None:
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]}
    assert len(places) == len(DASHBOARD["panels"])
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
