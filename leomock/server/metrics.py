"""Metrics for `/metrics`, in Prometheus' format.

Calls are counted as they are answered, in plain dictionaries. All other values are read from the state on
request, so they do not slow down calls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric
    from starlette.requests import Request
    from starlette.responses import Response

    from leomock.state.worlds import Worlds

# Upper bounds of the latency histogram, in seconds: most calls take well under a millisecond, calls that
# render an image tens of milliseconds.
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# Scenario files choose the names of rules, so their number has no other limit.
MOST_RULES = 500
OTHER_RULES = "other"


class CallCounts:
    """The number of calls answered since the start, by operation and status, and their duration."""

    def __init__(self) -> None:
        self.by_status: Counter[tuple[str, int]] = Counter()
        self.rules: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}
        self.buckets: dict[str, list[int]] = {}  # one more than BUCKETS has: the slowest

    def add(self, operation: str, status: int, seconds: float, rules: Sequence[str] = ()) -> None:
        """Count a call. `operation` is its id, a channel such as `cdn`, or '' for an unknown path."""
        self.by_status[operation, status] += 1
        buckets = self.buckets.get(operation)
        if buckets is None:
            buckets = self.buckets[operation] = [0] * (len(BUCKETS) + 1)
            self.seconds[operation] = 0.0
        buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds[operation] += seconds
        for rule in rules:
            known = rule in self.rules or len(self.rules) < MOST_RULES
            self.rules[rule if known else OTHER_RULES] += 1


class Metrics:
    """The metrics of one server.

    `attempts` counts attempts to deliver webhook events by outcome; `save_age` returns the seconds since the
    last successful save of `--state`, or None without one.
    """

    def __init__(
        self,
        worlds: Worlds,
        counts: CallCounts,
        attempts: Counter[str],
        save_age: Callable[[], float | None],
    ) -> None:
        self._worlds = worlds
        self._counts = counts
        self._attempts = attempts
        self._save_age = save_age
        self._registry: CollectorRegistry | None = None

    async def answer(self, request: Request) -> Response:
        """Return counts and gauges of the server, in Prometheus' format."""
        from prometheus_client.exposition import choose_encoder
        from starlette.responses import Response

        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registered()), media_type=content_type)

    def _registered(self) -> CollectorRegistry:
        if self._registry is None:
            from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

            self._registry = CollectorRegistry()
            ProcessCollector(registry=self._registry)  # memory, CPU and descriptors, on Linux
            PlatformCollector(registry=self._registry)
            self._registry.register(self)
        return self._registry

    def describe(self) -> Iterable[Metric]:
        """Return no metrics, so that registering this collector does not read the state."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Read every metric; prometheus_client calls this for each scrape."""
        yield from self._calls()
        yield from self._state()
        yield from self._webhooks()
        yield from self._saving()

    def _calls(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily("leomock_requests", "Calls answered.", labels=("operation", "status"))
        for (operation, status), count in sorted(self._counts.by_status.items()):
            requests.add_metric((operation, str(status)), count)
        yield requests
        latency = HistogramMetricFamily(
            "leomock_request_seconds",
            "Time to answer a call, without delays that a scenario causes.",
            labels=("operation",),
        )
        for operation, counts in sorted(self._counts.buckets.items()):
            latency.add_metric((operation,), _cumulated(counts), self._counts.seconds[operation])
        yield latency
        rules = CounterMetricFamily(
            "leomock_rule_matches", "Calls that a scenario rule changed.", labels=("rule",)
        )
        for rule, count in sorted(self._counts.rules.items()):
            rules.add_metric((rule,), count)
        yield rules

    def _state(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        jobs: Counter[str] = Counter({"PENDING": 0, "COMPLETE": 0, "FAILED": 0})
        queues: Counter[str] = Counter()
        events: Counter[str] = Counter({"waiting": 0, "delivered": 0, "given up": 0, "dropped": 0})
        tenants = 0
        for world in self._worlds:
            tenants += 1
            with world.lock:
                world.settle()
                queues.update(str(job["queue"]) for job in world.jobs.as_json())
                events.update(event.state for event in world.outbox.events)
                for table in world.tables().values():
                    jobs.update(row["status"] for row in table if "status" in row)
        yield GaugeMetricFamily("leomock_tenants", "API keys whose state is kept.", tenants)
        yield _labelled("leomock_jobs", "Rows of jobs that are kept, by status.", "status", jobs)
        yield _labelled("leomock_queue_length", "Jobs that are not finished, by queue.", "queue", queues)
        yield _labelled("leomock_webhook_events", "Webhook events that are kept, by state.", "state", events)

    def _webhooks(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily

        attempts = CounterMetricFamily(
            "leomock_webhook_attempts", "Attempts to deliver a webhook event.", labels=("outcome",)
        )
        for outcome, count in sorted(self._attempts.items()):
            attempts.add_metric((outcome,), count)
        yield attempts

    def _saving(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        age = self._save_age()
        if age is not None:
            yield GaugeMetricFamily("leomock_save_age_seconds", "Time since --state was last saved.", age)


def _labelled(name: str, text: str, label: str, counts: Counter[str]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    gauge = GaugeMetricFamily(name, text, labels=(label,))
    for value, count in sorted(counts.items()):
        gauge.add_metric((value,), count)
    return gauge


def _cumulated(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return (upper bound, calls up to it) for each bucket, as Prometheus counts them."""
    total = 0
    found: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        total += count
        found.append((bound, total))
    return found
