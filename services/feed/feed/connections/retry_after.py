"""How long a venue asks to be left alone: its Retry-After in every documented form."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from common.clock import NS_PER_S
from common.core import HttpResponse

REFUSALS = (403, 418, 429, 451)
"""Statuses that ask for a pause even without saying how long."""
PAUSE_DEFAULT_S = 10.0
PAUSE_MIN_S = 0.1
PAUSE_MAX_S = 86_400.0
"""A venue that asks for more than a day is asked again after a day, with an alert."""


def pause_s(answer: HttpResponse, now_ns: int) -> float:
    """Return the seconds an answer asks us to wait, as it says them; 0 where it asks for none.

    Seconds may be whole or have a fraction; an HTTP date counts from the answer's own Date, else from our clock.
    """
    if answer.status == 200:
        return 0.0
    headers = {name.lower(): value.strip() for name, value in answer.headers.items()}
    said = _seconds(headers.get("retry-after", ""), headers.get("date", ""), now_ns)
    if said is not None:
        return max(PAUSE_MIN_S, said)
    return PAUSE_DEFAULT_S if answer.status in REFUSALS else 0.0


def _seconds(value: str, date: str, now_ns: int) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        until = _instant(value)
        if until is None:
            return None
        since = _instant(date) or datetime.fromtimestamp(now_ns / NS_PER_S, UTC)
        return (until - since).total_seconds()
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
