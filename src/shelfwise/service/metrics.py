"""What a service counts, for Prometheus. No label of a product and no id is a metric's label."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_PRODUCTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SHARES = (0.5, 0.8, 0.9, 0.95, 0.99, 1)


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counter = partial(Counter, registry=self.registry)
        self._gauge = partial(Gauge, registry=self.registry)
        self._histogram = partial(Histogram, registry=self.registry)
        self._define_requests()
        self._define_products()
        self._define_model()

    def text(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        return generate_latest(self.registry)

    def _define_requests(self) -> None:
        self.requests = self._counter("shelfwise_requests", "Requests answered.", ["route", "code"])
        self.request_seconds = self._histogram(
            "shelfwise_request_seconds",
            "Time from a request's first byte to its answer.",
            ["route"],
            buckets=_SECONDS,
        )
        self.shed = self._counter(
            "shelfwise_shed", "Requests refused for want of room.", ["reason"]
        )
        self.draining = self._gauge("shelfwise_draining", "1 while the service ends.")

    def _define_products(self) -> None:
        self.products = self._counter(
            "shelfwise_products",
            "Products by what became of them; a request refused before it arrived counts none.",
            ["outcome"],
        )
        self.executed = self._counter(
            "shelfwise_products_executed", "Products that a worker computed."
        )
        self.queue_products = self._gauge("shelfwise_queue_products", "Products that wait.")
        self.queue_limit = self._gauge("shelfwise_queue_limit_products", "Products that may wait.")
        self.queue_seconds = self._histogram(
            "shelfwise_queue_seconds", "Time that a product waits.", buckets=_SECONDS
        )
        self.batch_products = self._histogram(
            "shelfwise_batch_products", "Products computed together.", buckets=_PRODUCTS
        )
        self.inference_seconds = self._histogram(
            "shelfwise_inference_seconds", "Time of a batch in the model.", buckets=_SECONDS
        )

    def _define_model(self) -> None:
        self.missing = self._counter(
            "shelfwise_modality_missing",
            "Products without a field that the model reads.",
            ["modality"],
        )
        self.images_refused = self._counter(
            "shelfwise_images_refused", "Images that could not be used."
        )
        self.labels = self._counter("shelfwise_labels", "Labels given, by queue.", ["queue"])
        self.novelty = self._histogram(
            "shelfwise_novelty", "How unlike the training products a product is.", buckets=_SHARES
        )
        self.swaps = self._counter("shelfwise_model_swaps", "Changes of the model.", ["result"])
        self.worker_restarts = self._counter("shelfwise_worker_restarts", "Workers started anew.")
        self.live = LiveModel()
        self.registry.register(self.live)


class LiveModel:
    """What is read from the service at the moment of asking."""

    def __init__(self) -> None:
        self.digest = ""
        self.preset = ""
        self.workers = 0
        self.silent_seconds = 0.0

    def collect(self) -> Iterator[Metric]:
        """The metrics, in the form of the library."""
        info = GaugeMetricFamily(
            "shelfwise_model_info", "The model that answers.", labels=["digest", "preset"]
        )
        info.add_metric([self.digest, self.preset], 1)
        yield info
        yield GaugeMetricFamily("shelfwise_workers", "Workers that answer.", value=self.workers)
        yield GaugeMetricFamily(
            "shelfwise_worker_heartbeat_age_seconds",
            "Time since the most silent worker was heard of.",
            value=self.silent_seconds,
        )
