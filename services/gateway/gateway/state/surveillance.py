"""How every service is doing, asked at its admin port again and again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from common.core import HttpRequest, HttpResponse

NO_ANSWER = 0
HTTP_OK = 200
ASK_TIMEOUT_MS = 1_500
ASK_PERIOD_MS = 2_000
SILENT_AFTER_NS = 6_000_000_000
"""A service whose last answer is older than this is down, whatever it said then."""
FAULTS_MAX = 20
FAULT_CHARS_MAX = 300
_ANSWER = msgspec.json.Decoder(dict[str, Any])


@dataclass(slots=True)
class Health:
    """The last words of one service about itself."""

    url: str
    health_status: int | None = None
    """HTTP status of /health: does it work? None until asked, 0 when it does not answer."""
    ready_status: int | None = None
    """HTTP status of /ready: does it do its job?"""
    faults: tuple[str, ...] = ()
    answered_ns: int = 0
    """When it last answered at all; 0 for never."""

    def state(self, now_ns: int) -> str:
        """Return ready, unready (works, but its inputs are not fresh), unhealthy, down or unknown."""
        if self.health_status is None:
            return "unknown"
        if self.health_status == NO_ANSWER or now_ns - self.answered_ns > SILENT_AFTER_NS:
            return "down"
        if self.health_status != HTTP_OK:
            return "unhealthy"
        return "ready" if self.ready_status == HTTP_OK else "unready"


class Surveillance:
    """Ask every admin port in turn and remember the answers; silence is an answer too."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.services = {name: Health(url.rstrip("/")) for name, url in urls.items()}
        self._asked: dict[int, tuple[str, str]] = {}
        self._next_id = 1

    def asks(self) -> Iterator[HttpRequest]:
        """Yield the questions of one round: /health says whether it works, /ready whether it does its job."""
        for name, health in self.services.items():
            for page in ("health", "ready"):
                request_id, self._next_id = self._next_id, self._next_id + 1
                self._asked[request_id] = (name, page)
                yield HttpRequest("admin", request_id, "GET", f"{health.url}/{page}", timeout_ms=ASK_TIMEOUT_MS)

    def on_answer(self, answer: HttpResponse, now_ns: int) -> None:
        """Take one answer; those to questions never asked are ignored."""
        name, page = self._asked.pop(answer.request_id, ("", ""))
        health = self.services.get(name)
        if health is None:
            return
        if answer.status != NO_ANSWER:
            health.answered_ns = now_ns
        if page == "health":
            health.health_status = answer.status
        else:
            # /ready repeats what /health finds wrong, so its list is the whole one.
            health.ready_status = answer.status
            health.faults = _faults(answer)


def _faults(answer: HttpResponse) -> tuple[str, ...]:
    """Return what an admin port says is wrong; its words come from elsewhere, so they are cut to size."""
    if answer.status == HTTP_OK:
        return ()
    if answer.status == NO_ANSWER:
        return ("does not answer on its admin port",)
    try:
        faults = _ANSWER.decode(answer.body).get("faults", [])
    except (msgspec.DecodeError, ValueError):
        faults = []
    texts = [str(fault)[:FAULT_CHARS_MAX] for fault in faults[:FAULTS_MAX]] if isinstance(faults, list) else []
    return tuple(texts) or (f"answers {answer.status}",)
