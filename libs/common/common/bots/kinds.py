"""The kinds of bot there are, and how a configuration becomes a bot of its kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from common.bots.binary import BinaryBot
from common.bots.bot import Bot, InstrumentSection, Place
from common.bots.fixed import FixedBot
from common.bots.spot import SpotBot
from common.errors import ConfigError
from common.events import BotConfig
from common.venues import Exchanges

KINDS: dict[str, type[Bot]] = {model.kind: model for model in (BinaryBot, FixedBot, SpotBot)}

BotT = TypeVar("BotT", bound=Bot)


def model_of(kind: str) -> type[Bot]:
    """Return the model of a kind; ConfigError names the kinds there are."""
    model = KINDS.get(kind)
    if model is None:
        raise ConfigError([f"kind: must be one of {', '.join(KINDS)}, is {kind!r}"])
    return model


def parse_bot(kind: str, sections: dict[str, Any]) -> Bot:
    """Return the validated sections; ConfigError lists every field and the rule it breaks, or the kinds there are."""
    return model_of(kind).parse(sections)


def sections_of(config: BotConfig, served: Sequence[type[BotT]]) -> BotT | None:
    """Return the validated sections of a bot of a served kind, None for a bot of another one; ConfigError as above.

    A service is not concerned by kinds that it does not serve: a kind that nobody knows is refused where it is written.
    """
    for model in served:
        if model.kind == config.kind:
            return model.parse(config.sections)
    return None


def venue_and_account(config: BotConfig, exchanges: Exchanges | None = None) -> tuple[str, str] | None:
    """Return where a bot of any kind trades, however wrong the rest of its sections; None where they do not say.

    A kind that names exchanges says it by those that are given.
    """
    section = config.sections.get("instrument", {})
    if not isinstance(section, dict):
        return None
    model = KINDS.get(config.kind)
    place: type[Place] = InstrumentSection if model is None else model.place
    named = {name: section[name] for name in place.model_fields if name in section}
    try:
        found = place.model_validate(named)
        return found.venue_by(exchanges or Exchanges()), found.account
    except ValueError:
        # pydantic's faults are such errors too.
        return None


def may_trade_at(config: BotConfig, venue: str, account: str, exchanges: Exchanges | None = None) -> bool:
    """Say whether a bot of any kind trades through an account of ours, as far as its sections can be read.

    Where the exchange that it names is not known the account alone decides: an account is at one venue. Sections that
    say neither may be anybody's.
    """
    found = venue_and_account(config, exchanges)
    if found is not None:
        return found == (venue, account)
    model, section = KINDS.get(config.kind), config.sections.get("instrument")
    if model is None or model.place is InstrumentSection or not isinstance(section, dict):
        return True
    return bool(section.get("account", Place.model_fields["account"].default) == account)
