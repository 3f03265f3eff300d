"""Polymarket's rolling up-or-down series: which markets there are at a time, and by which names they are asked for.

Days and hours are New York's, summer time included, whatever the year's half:

1. `btc-updown-5m`, `-15m` and `-4h`: a market is named by the second it begins at (`btc-updown-4h-1768856400`). Those
   of four hours begin at 0, 4, 8, 12, 16 and 20 o'clock of New York.
2. `btc-up-or-down-hourly`: named by the asset's long name and the hour it begins at, as New York says it
   (`bitcoin-up-or-down-may-16-2026-2pm-et`).
3. `btc-up-or-down-daily`: from noon to noon, named by the day it ends on (`bitcoin-up-or-down-on-may-17-2026`). The
   close of the minute that begins at its end decides, so its price is open for a minute longer than its book.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
LONG_NAMES = {
    "btc": "bitcoin",
    "eth": "ethereum",
    "sol": "solana",
    "xrp": "xrp",
    "doge": "dogecoin",
    "bnb": "bnb",
    "hype": "hyperliquid",
}
MINUTES_S = {"5m": 300, "15m": 900}
FOUR_HOURS = (0, 4, 8, 12, 16, 20)
DAILY_DECIDED_AFTER_S = 60
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

_BY_SECOND = re.compile(r"([a-z]{2,10})-updown-(5m|15m|4h)")
_BY_NAME = re.compile(r"([a-z]{2,10})-up-or-down-(hourly|daily)")
_HOUR = re.compile(r"-up-or-down-([a-z]+)-(\d{1,2})-(\d{4})-(\d{1,2})(am|pm)-et")
_DAY = re.compile(r"-up-or-down-on-([a-z]+)-(\d{1,2})-(\d{4})")


class Window(NamedTuple):
    """One market of a series: its name and when it is, in seconds of UTC."""

    slug: str
    open_s: int
    end_s: int


class Series:
    """One series as configured; ValueError where its form is not one of those above."""

    def __init__(self, name: str) -> None:
        self.name = name
        by_second, by_name = _BY_SECOND.fullmatch(name), _BY_NAME.fullmatch(name)
        if by_second is not None:
            asset, self.form = by_second.groups()
        elif by_name is not None and by_name[1] in LONG_NAMES:
            asset, self.form = by_name.groups()
        else:
            raise ValueError(
                f"series {name!r}: must be like btc-updown-5m, -15m or -4h, or like btc-up-or-down-hourly or -daily "
                f"of {', '.join(LONG_NAMES)}; no other form is known"
            )
        self.underlying = asset.upper()
        self._long_name = LONG_NAMES.get(asset, "")

    @property
    def decided_after_s(self) -> int:
        """Seconds after a market's end at which the price that decides it stands."""
        return DAILY_DECIDED_AFTER_S if self.form == "daily" else 0

    def windows(self, from_s: int, until_s: int) -> list[Window]:
        """Return the markets that are open at some time from `from_s` until `until_s`, by their beginning."""
        return [window for window in self._all(from_s, until_s) if window.open_s <= until_s and window.end_s > from_s]

    def window(self, slug: str) -> Window | None:
        """Return the market of a name; None where it is none of this series. An hour that comes twice is its first."""
        near = self._second_named(slug)
        if near is None:
            return None
        return next((window for window in self.windows(near, near + 1) if window.slug == slug), None)

    def _all(self, from_s: int, until_s: int) -> Iterator[Window]:
        if self.form in MINUTES_S:
            yield from self._steps(from_s, until_s, MINUTES_S[self.form])
        elif self.form == "hourly":
            yield from self._steps(from_s, until_s, 3_600)
        elif self.form == "4h":
            starts = [_second(day, hour) for day in _days(from_s, until_s) for hour in FOUR_HOURS]
            for start, end in pairwise(starts):
                yield Window(f"{self.name}-{start}", start, end)
        else:
            for day in _days(from_s, until_s):
                name = f"{self._long_name}-up-or-down-on-{MONTHS[day.month - 1]}-{day.day}-{day.year}"
                yield Window(name, _second(day - timedelta(days=1), 12), _second(day, 12))

    def _steps(self, from_s: int, until_s: int, period_s: int) -> Iterator[Window]:
        # New York is whole hours from UTC, so steps of an hour and less are the same in both.
        for start in range(from_s // period_s * period_s, until_s + 1, period_s):
            name = self._hour_name(start) if self.form == "hourly" else f"{self.name}-{start}"
            yield Window(name, start, start + period_s)

    def _hour_name(self, start_s: int) -> str:
        local = datetime.fromtimestamp(start_s, NEW_YORK)
        day = f"{MONTHS[local.month - 1]}-{local.day}-{local.year}"
        half = "am" if local.hour < 12 else "pm"
        return f"{self._long_name}-up-or-down-{day}-{local.hour % 12 or 12}{half}-et"

    def _second_named(self, slug: str) -> int | None:
        """Return a second of the market that a name would be of."""
        if self.form in (*MINUTES_S, "4h"):
            prefix, _, start = slug.rpartition("-")
            fits = prefix == self.name and start.isascii() and start.isdecimal() and len(start) <= 10
            return int(start) if fits else None
        if not slug.startswith(f"{self._long_name}-"):
            return None
        found = (_HOUR if self.form == "hourly" else _DAY).fullmatch(slug[len(self._long_name) :])
        if found is None or found[1] not in MONTHS:
            return None
        hour = int(found[4]) % 12 + (12 if found[5] == "pm" else 0) if self.form == "hourly" else 12
        try:
            day = date(int(found[3]), MONTHS.index(found[1]) + 1, int(found[2]))
            return _second(day, hour) - (1 if self.form == "daily" else 0)
        except (ValueError, OverflowError):
            return None


def _second(day: date, hour: int) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=NEW_YORK).timestamp())


def _days(from_s: int, until_s: int) -> Iterator[date]:
    """Yield the days of New York around a stretch of time, one more at either end."""
    day = datetime.fromtimestamp(from_s, UTC).date() - timedelta(days=2)
    last = datetime.fromtimestamp(until_s, UTC).date() + timedelta(days=2)
    while day <= last:
        yield day
        day += timedelta(days=1)
