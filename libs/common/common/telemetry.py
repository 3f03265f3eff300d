"""Logs as JSON lines with secrets blotted out, and figures in Prometheus' text format."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from common.core import Sample

_SECRET_NAMES = re.compile(r"password|secret|token|api_key|authorization|private_key|jwt", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(?i)(bearer\s+|eyJ[\w-]*\.)[\w.~+/=-]+")


def blot_secrets(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values of fields named like a secret, and anything that looks like a token, by '***'."""
    for name, value in fields.items():
        if _SECRET_NAMES.search(name) and not name.endswith(("_file", "_path")):
            fields[name] = "***"
        elif isinstance(value, str):
            fields[name] = _SECRET_TEXT.sub(r"\1***", value)
    return fields


def configure_logging(service: str, level: str) -> structlog.stdlib.BoundLogger:
    """Send every log line of this process to stderr as one JSON object; return the service's logger."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            blot_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s", force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logger: structlog.stdlib.BoundLogger = structlog.get_logger().bind(service=service)
    return logger


class SampleCollector:
    """Hand the samples of the core and the shell to the Prometheus client at each scrape."""

    def __init__(self, *sources: Any) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for source in self._sources:
            for sample in source():
                _add(families, sample)
        yield from families.values()


def _add(families: dict[str, Metric], sample: Sample) -> None:
    family = families.get(sample.name)
    if family is None:
        # The client re-adds `_total` to counters.
        cls = CounterMetricFamily if sample.kind == "counter" else GaugeMetricFamily
        family = families[sample.name] = cls(sample.name, sample.description, labels=list(sample.labels))
    family.add_metric([str(value) for value in sample.labels.values()], sample.value)  # type: ignore[attr-defined]


def render_metrics(*sources: Any) -> bytes:
    """Return the Prometheus text of several sources of samples."""
    registry = CollectorRegistry()
    registry.register(SampleCollector(*sources))
    text: bytes = generate_latest(registry)
    return text


def process_samples(started_ns: int, now_ns: int) -> Iterable[Sample]:
    """Return uptime of this process in seconds."""
    yield Sample("mm_uptime_seconds", "gauge", "Time since start", {}, (now_ns - started_ns) / 1e9)
