"""A named spot venue: an exchange without YES/NO markets whose books are kept by makers around the world's prices."""

from __future__ import annotations

from exchange.config import ExchangeConfig, Source
from exchange.entry.keys import Key, Rates
from exchange.market.money import DOLLAR, signed_units_of
from exchange.spot.terms import SpotTerms
from exchange.spot_venues.depth import MAKER_ACCOUNT, DeepBook, MakerOrder, maker_order
from exchange.spot_venues.makers import MadeSymbol, Makers
from exchange.spot_venues.settings import SpotVenueSettings
from exchange.spot_venues.takers import TakenSymbol, VenueTakers
from exchange.venue import Exchange
from exchange.world.world import World


def config_of_venue(
    name: str, settings: SpotVenueSettings, keys: tuple[Key, ...], signing_secret: bytes, seed: int, source: Source
) -> ExchangeConfig:
    """What the venue's core is told."""
    deposits = {
        currency: signed_units_of(f"{amount:f}", currency) for currency, amount in sorted(settings.deposits.items())
    }
    dollars = deposits.pop(DOLLAR, 0)
    per_s = settings.orders_per_s
    return ExchangeConfig(
        name=name,
        seed=seed,
        signing_secret=signing_secret,
        keys=keys,
        deposits=dict.fromkeys(settings.accounts, dollars),
        symbols=tuple(settings.terms(symbol) for symbol in settings.symbols),
        spot_deposits=dict.fromkeys(settings.accounts, deposits),
        rates=Rates(orders_per_s=per_s, orders_burst=2 * per_s, cancels_per_s=2 * per_s, cancels_burst=4 * per_s),
        orders_kept=settings.orders_kept,
        source=source,
    )


class SpotVenue(Exchange):
    """One named venue, a function of its seed, its inputs and the world's prices."""

    def __init__(self, config: ExchangeConfig, settings: SpotVenueSettings, world: World) -> None:
        super().__init__(config)
        self.settings, self.world = settings, world
        spot = self.order_entry.spot
        spot.make_book = lambda terms: DeepBook(terms, self._claim)
        made, taken = [], []
        for name, row in settings.symbols.items():
            half = settings.makers.half_spread_bps if row.half_spread_bps is None else row.half_spread_bps
            value = settings.makers.level_value if row.level_value is None else row.level_value
            made.append(MadeSymbol(name, half, value))
            taken.append(TakenSymbol(name, settings.takers.per_s if row.takers_per_s is None else row.takers_per_s))
        seed = f"{config.name}/{config.seed}"
        self.makers = Makers(spot, world, settings.makers, made, seed)
        self.venue_takers = VenueTakers(spot, world, settings.takers, taken, seed)
        self.participants = [self.makers, self.venue_takers]

    def _claim(self, depth: MakerOrder, lots: int, now_ns: int) -> MakerOrder:
        """Make an order of the makers of what was traded of their depth, and give them what they need for it."""
        spot, terms = self.order_entry.spot, depth.terms
        spot.provide(self.ledger.account(MAKER_ACCOUNT), terms, depth.side, depth.price_ticks, lots, now_ns)
        return maker_order(terms, depth.side, depth.price_ticks, lots, self.ids.next("order"), now_ns)

    def terms(self, symbol: str) -> SpotTerms:
        """The terms of a listed symbol."""
        return self.trading.symbol(symbol).terms
