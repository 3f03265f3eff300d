"""Everything the venue is told at its start."""

from __future__ import annotations

from dataclasses import dataclass, field

from exchange.entry.keys import Key, Rates
from exchange.market.accounts import ORDERS_KEPT
from exchange.market.ledger import FeeSchedule
from exchange.market.lifecycle import MARKETS_KEPT, Series
from exchange.participants.rival import RivalSettings
from exchange.participants.spot import SpotMakerSettings, SpotTakerSettings
from exchange.participants.takers import TakerSettings
from exchange.spot.terms import SpotTerms
from exchange.spot.transfers import DELAY_NS


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
    name: str = "degen"
    series: tuple[Series, ...] = ()
    symbols: tuple[SpotTerms, ...] = ()
    spot_deposits: dict[str, dict[str, int]] = field(default_factory=dict)
    """By account and currency: units each account is given that has never had the currency."""
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    rates: Rates = field(default_factory=Rates)
    takers: TakerSettings = field(default_factory=TakerSettings)
    rival: RivalSettings = field(default_factory=RivalSettings)
    spot_maker: SpotMakerSettings = field(default_factory=SpotMakerSettings)
    spot_takers: SpotTakerSettings = field(default_factory=SpotTakerSettings)
    transfer_delay_ns: int = DELAY_NS
    """From the sending of money to another venue of the exchange to its arrival."""
    source: Source = field(default_factory=Source)
    orders_kept: int = ORDERS_KEPT  # finished ones, per account
    markets_kept: int = MARKETS_KEPT  # finished ones
