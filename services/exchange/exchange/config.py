"""Everything the venue is told at its start."""

from __future__ import annotations

from dataclasses import dataclass, field

from exchange.entry.keys import Key, Rates
from exchange.market.accounts import ORDERS_KEPT
from exchange.market.ledger import FeeSchedule
from exchange.market.lifecycle import MARKETS_KEPT, Series
from exchange.participants.rival import RivalSettings
from exchange.participants.takers import TakerSettings


@dataclass(frozen=True, slots=True)
class Source:
    """What drives the underlying prices, as GET /info tells it."""

    mode: str = "model"
    assets: dict[str, str] = field(default_factory=dict)
    fallback: str | None = None


@dataclass(frozen=True, slots=True)
class ExchangeConfig:
    """Everything the venue is told at its start."""

    seed: int
    signing_secret: bytes
    keys: tuple[Key, ...]
    deposits: dict[str, int]  # micros each account is given once, when it is new
    series: tuple[Series, ...] = ()
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    rates: Rates = field(default_factory=Rates)
    takers: TakerSettings = field(default_factory=TakerSettings)
    rival: RivalSettings = field(default_factory=RivalSettings)
    source: Source = field(default_factory=Source)
    orders_kept: int = ORDERS_KEPT  # finished ones, per account
    markets_kept: int = MARKETS_KEPT  # finished ones
