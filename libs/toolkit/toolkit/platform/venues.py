"""Which named venues the exchange hosts, and which accounts are traded for where: what bots of the profile ask for."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from common.venues import Exchanges

from toolkit.platform.live_needs import bots_in, documents_in, table_of

ACCOUNT, VENUE = "mm1", "degen"
"""What a bot trades for that does not say."""


def spot_venues_of(config_dir: Path, profile: str) -> tuple[str, ...]:
    """Return the exchange's named venues that bots and documents of the profile name, in the file's order.

    A venue is named by what venues.toml calls it, or by what documents of spot bots call it, which is `exchange`.
    """
    hosted = table_of(config_dir / "exchange.toml", "venues", dict)
    names = _hosted_names(config_dir)
    documents = [each.get("document") for each in documents_in(config_dir, profile)]
    sections = [bot.get("sections") for bot in bots_in(config_dir, profile)]
    words = {word for each in [*sections, *documents] for word in _words(each)}
    named = words | {names[word] for word in words if word in names}
    return tuple(name for name in hosted if name in named)


def accounts_in(config_dir: Path, profile: str) -> tuple[str, ...]:
    """Return what is traded for in a profile, each ACCOUNT@VENUE once, in the order of bots.toml.

    Where hedgers trade and no bot of the profile does, there is an account for them, such as mm1-kraken.
    """
    exchanges = _exchanges(config_dir)
    found: dict[str, None] = {}
    hedged: list[str] = []
    for bot in bots_in(config_dir, profile):
        try:
            sections = bot["sections"]
            instrument = sections["instrument"]
            venue = instrument.get("venue", VENUE)
            if "exchange" in instrument:
                venue = exchanges.trading_venue(instrument["exchange"].upper())
            found[f"{instrument.get('account', ACCOUNT)}@{venue}"] = None
            hedged += _words(sections.get("hedger", {}).get("venues_list"))
        except (AttributeError, KeyError, TypeError, ValueError):
            # Who reads the file to make bots of it says what is wrong with it.
            continue
    for each in documents_in(config_dir, profile):
        if each.get("type") == "risk_hedger" and isinstance(each.get("document"), dict):
            hedged += _words(each["document"].get("venues_list"))
    found |= dict.fromkeys(_for_hedgers(hedged, exchanges, {each.partition("@")[2] for each in found}))
    return tuple(found) or (f"{ACCOUNT}@{VENUE}",)


def makers_in(config_dir: Path, accounts: Iterable[str]) -> tuple[str, ...]:
    """Return the accounts that the exchange opens: those that are traded for there, ACCOUNT@NAME at a named venue."""
    places = [each.partition("@") for each in accounts]
    names = _hosted_names(config_dir)
    own = tuple(account for account, _, venue in places if venue == VENUE) or (ACCOUNT,)
    return own + tuple(f"{account}@{names[venue]}" for account, _, venue in places if venue in names)


def _for_hedgers(names: Iterable[str], exchanges: Exchanges, there: set[str]) -> Iterator[str]:
    for name in names:
        try:
            venue = exchanges.trading_venue(name.upper())
        except ValueError:
            continue
        if venue not in there:
            there.add(venue)
            yield f"{ACCOUNT}-{name.lower()}@{venue}"


def _exchanges(config_dir: Path) -> Exchanges:
    try:
        return Exchanges.of(table_of(config_dir / "venues.toml", "venues", dict))
    except (AttributeError, TypeError, ValueError):
        return Exchanges()


def _hosted_names(config_dir: Path) -> dict[str, str]:
    """Return what the exchange calls its named venues, by what venues.toml calls them."""
    return {
        str(name): path[1].upper()
        for name, venue in table_of(config_dir / "venues.toml", "venues", dict).items()
        if isinstance(venue, dict) and (path := re.search(r"\{exchange\}/venues/(\w+)", str(venue.get("websocket"))))
    }


def _words(value: Any) -> Iterator[str]:
    """Yield every word of the texts in a document, which may hold lists by comma or space."""
    if isinstance(value, str):
        yield from filter(None, re.split(r"[\s,]+", value))
    elif isinstance(value, dict):
        for each in value.values():
            yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
