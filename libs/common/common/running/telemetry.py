"""Logs as JSON lines with secrets blotted out, and figures in Prometheus' text format."""

from __future__ import annotations

import gc
import logging
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from common.core import Sample
from common.running.log_lines import Unfailing

_SECRET_NAMES = re.compile(r"password|secret|token|api_key|authorization|private_key|jwt", re.IGNORECASE)
# A bearer token, a JWT, the password in an address.
_SECRET_TEXT = re.compile(r"(?i)(bearer\s+|eyJ[\w-]*\.)[\w.~+/=-]+|(://[^\s/:@]*:)[^\s/@]+(?=@)")
_BLOT = "***"
TYPES_MAX = 60
_PRIVATE = re.compile(
    r"mm_(pnl|position|fees|daily_peak|free_cash|notional|exposure|fills|venue_fills|crossing_cost|markout|pairs)"
)
"""Figures of what is held, earned or lost: told only to who may know."""


def blot_secrets(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values of fields named like a secret, however deep, and whatever looks like a token, by '***'."""
    for name, value in fields.items():
        fields[name] = _blotted(name, value)
    return fields


def _blotted(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name) and not name.endswith(("_file", "_path")):
        return _BLOT
    if isinstance(value, str):
        return _SECRET_TEXT.sub(lambda found: f"{found[1] or found[2]}{_BLOT}", value)
    if isinstance(value, bytes):
        return _blotted(name, value.decode(errors="replace"))
    if isinstance(value, Mapping):
        return {key: _blotted(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_blotted(name, inner) for inner in value]
    return value


_stderr: Unfailing | None = None


def lines_lost() -> int:
    """Return how many log lines of this process could not be written."""
    return 0 if _stderr is None else _stderr.lost


def configure_logging(service: str, level: str) -> structlog.stdlib.BoundLogger:
    """Send every log line of this process to stderr as one JSON object; return the service's logger."""
    global _stderr
    _stderr = Unfailing(sys.stderr)
    # Python reports a failing log handler on stderr, which is where the handler just failed.
    logging.raiseExceptions = False
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
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _stderr)),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=_stderr, format="%(message)s", force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logger: structlog.stdlib.BoundLogger = structlog.get_logger().bind(service=service)
    return logger


class SampleCollector:
    """Hand the samples of the core and the shell to the Prometheus client at each scrape."""

    def __init__(self, *sources: Any, private: bool = True) -> None:
        self._sources, self._private = sources, private

    def collect(self) -> Iterator[Metric]:
        families: dict[str, _Family] = {}
        for source in self._sources:
            for sample in source():
                if not self._private and _PRIVATE.match(sample.name):
                    continue
                families.setdefault(sample.name, _Family(sample)).add(sample)
        yield from [family.metric for family in families.values()]


class _Family:
    """All samples of one name; its first sample says which labels they have."""

    def __init__(self, first: Sample) -> None:
        # The client re-adds `_total` to counters.
        cls = CounterMetricFamily if first.kind == "counter" else GaugeMetricFamily
        self._labels = list(first.labels)
        self.metric = cls(first.name, first.description, labels=self._labels)

    def add(self, sample: Sample) -> None:
        assert set(sample.labels) == set(self._labels), f"{sample.name}: labels {list(sample.labels)}"
        self.metric.add_metric([str(sample.labels[label]) for label in self._labels], sample.value)


def render_metrics(*sources: Any, private: bool = True) -> bytes:
    """Return the Prometheus text of several sources of samples; without `private`, those of money are left out."""
    registry = CollectorRegistry()
    registry.register(SampleCollector(*sources, private=private))
    text: bytes = generate_latest(registry)
    return text


def process_samples(started_ns: int, now_ns: int) -> Iterable[Sample]:
    """Return uptime of this process in seconds."""
    yield Sample("mm_uptime_seconds", "gauge", "Time since start", {}, (now_ns - started_ns) / 1e9)


def object_samples() -> Iterable[Sample]:
    """Return how many objects of the commonest types live that were made since the start, garbage collected first."""
    gc.collect()
    counts = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
    for name, count in counts.most_common(TYPES_MAX):
        yield Sample("mm_objects", "gauge", "Live objects by type", {"type": name}, count)
