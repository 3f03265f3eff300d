"""Which named spot venues the simulated exchange hosts: those that bots of the profile trade at or price from."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolkit.platform.live_needs import bots_in, table_of


def spot_venues_of(config_dir: Path, profile: str) -> tuple[str, ...]:
    """Return the exchange's named venues that the sections of the profile's bots name, in the file's order.

    A bot names one by the venue of venues.toml that is there, or by what its documents call it, which is `exchange`.
    """
    hosted = table_of(config_dir / "exchange.toml", "venues", dict)
    names = {
        str(name): path[1].upper()
        for name, venue in table_of(config_dir / "venues.toml", "venues", dict).items()
        if isinstance(venue, dict) and (path := re.search(r"\{exchange\}/venues/(\w+)", str(venue.get("websocket"))))
    }
    words = {word for bot in bots_in(config_dir, profile) for word in _words(bot.get("sections"))}
    named = words | {names[word] for word in words if word in names}
    return tuple(name for name in hosted if name in named)


def _words(value: Any) -> Iterator[str]:
    """Yield every word of the texts in a document, which may hold lists by comma or space."""
    if isinstance(value, str):
        yield from re.split(r"[\s,]+", value)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
