"""What the service tells Prometheus: gathered when it is asked for, from what the models count anyway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from rnnfast.serving.models import Models

QUANTILES = (0.5, 0.99)
BY_ENDPOINT = {
    "rows": "Rows that were answered.",
    "refused": "Rows that have no answer: they cannot be used, or came after a later one of their id.",
    "alarms": "Answers that say yes.",
}
OF_STATES = {
    "late": "Rows that came after a later one of their id.",
    "evicted": "States that had to go for others.",
    "expired": "States that waited too long for a row.",
}


def exposition(models: Models, answered: Counter[Any]) -> bytes:
    """Return all figures as Prometheus reads them. answered: as of `Guard`."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(Figures(models, answered))
    return bytes(generate_latest(registry))


class Figures(Collector):
    """The figures of a service."""

    def __init__(self, models: Models, answered: Counter[Any]) -> None:
        self.models, self.answered = models, answered

    def collect(self) -> Iterator[Metric]:
        """Yield each figure with its values by model."""
        responses = CounterMetricFamily(
            "rnnfast_responses", "Answers to requests, also refusals.", labels=["path", "status"]
        )
        for (path, status), count in self.answered.items():
            responses.add_metric([path, str(status)], count)
        yield responses
        yield from self._work()
        yield self._seconds()
        yield from self._states()

    def _work(self) -> Iterator[Metric]:
        for name, about in BY_ENDPOINT.items():
            family = CounterMetricFamily(f"rnnfast_{name}", about, labels=["model", "endpoint"])
            for model, tally in self.models.tallies.items():
                for endpoint in tally.requests:
                    family.add_metric([model, endpoint], tally.counts[endpoint, name])
            yield family

    def _seconds(self) -> Metric:
        """Return how long requests took; quantiles are those of the last ones."""
        family = SummaryMetricFamily("rnnfast_request_seconds", "Time of a request.", labels=["model", "endpoint"])
        for model, tally in self.models.tallies.items():
            for endpoint, seconds in tally.seconds.items():
                labels = {"model": model, "endpoint": endpoint}
                for quantile, value in zip(QUANTILES, np.quantile(seconds, QUANTILES).tolist(), strict=True):
                    family.add_sample(family.name, {**labels, "quantile": str(quantile)}, value)
                family.add_metric([model, endpoint], tally.requests[endpoint], tally.total[endpoint])
        return family

    def _states(self) -> Iterator[Metric]:
        """Yield what became of states, of models that can stream; since the states are those of this version."""
        stats = {name: served.stream.stats() for name, served in self.models.current.items() if served.stream}
        ids = GaugeMetricFamily("rnnfast_ids", "Ids that have a state.", labels=["model"])
        for model, counts in stats.items():
            ids.add_metric([model], counts["ids"])
        yield ids
        for name, about in OF_STATES.items():
            family = CounterMetricFamily(f"rnnfast_{name}", about, labels=["model"])
            for model, counts in stats.items():
                family.add_metric([model], counts[name])
            yield family
