"""A named spot venue: an exchange without YES/NO markets whose books are kept by makers around the world's prices."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from exchange.config import ExchangeConfig, Source
from exchange.entry.keys import Key, Rates
from exchange.entry.session import Output, Record
from exchange.market.accounts import Account
from exchange.market.money import DOLLAR, signed_units_of
from exchange.participants.takers import TakerSettings
from exchange.spot_venues.depth import MAKER_ACCOUNT, TAKER_ACCOUNT, DeepBook, MakerOrder, maker_order
from exchange.spot_venues.makers import MadeSymbol, Makers
from exchange.spot_venues.mirror import Mirror
from exchange.spot_venues.settings import SpotVenueSettings
from exchange.spot_venues.takers import TakenSymbol, VenueTakers
from exchange.venue import Exchange, Response
from exchange.world.world import NS_PER_S, World

NS_PER_MS: Final = 1_000_000
OTHERS_KEPT: Final = 2_000
"""Finished orders of makers and takers that are kept: nobody asks for them, and every snapshot writes them."""


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
        takers=TakerSettings(enabled=False),
        transfer_delay_ns=int(settings.transfer_delay_s * NS_PER_S),
        source=source,
    )


class SpotVenue(Exchange):
    """One named venue, a function of its seed, its inputs and the world's prices.

    Frames take their time to it and from it. REST requests come in and answers go out when its shell says so.
    """

    def __init__(self, config: ExchangeConfig, settings: SpotVenueSettings, world: World) -> None:
        super().__init__(config)
        self.settings, self.world = settings, world
        self.latency_in_s, self.latency_out_s = settings.latency_in_ms / 1_000, settings.latency_out_ms / 1_000
        self._in_ns, self._out_ns = int(settings.latency_in_ms * NS_PER_MS), int(settings.latency_out_ms * NS_PER_MS)
        self._inbound: deque[tuple[int, int, bytes]] = deque()
        """Frames on their way here: when they arrive, of which connection."""
        self._outbound: deque[tuple[int, Output]] = deque()
        for name in (MAKER_ACCOUNT, TAKER_ACCOUNT):
            self.ledger.accounts[name] = Account(name, min(OTHERS_KEPT, config.orders_kept))
        spot = self.order_entry.spot
        spot.make_book = lambda terms: DeepBook(terms, self._claim)
        spot.books.rate = world.price
        made, taken = [], []
        for name, row in settings.symbols.items():
            half = settings.makers.half_spread_bps if row.half_spread_bps is None else row.half_spread_bps
            value = settings.makers.level_value if row.level_value is None else row.level_value
            made.append(MadeSymbol(name, half, value))
            taken.append(TakenSymbol(name, settings.takers.per_s if row.takers_per_s is None else row.takers_per_s))
        seed = f"{config.name}/{config.seed}"
        mirrored = {name: row.mirror for name, row in settings.symbols.items() if row.mirror}
        self.mirror = Mirror(mirrored, settings.makers.levels)
        self.makers = Makers(spot, world, settings.makers, made, self.mirror, seed)
        self.venue_takers = VenueTakers(spot, world, settings.takers, taken, seed)
        self.participants = [self.makers, self.venue_takers]

    def _claim(self, depth: MakerOrder, lots: int, now_ns: int) -> MakerOrder:
        """Make an order of the makers of what was traded of their depth, and give them what they need for it."""
        spot, terms = self.order_entry.spot, depth.terms
        spot.provide(self.ledger.account(MAKER_ACCOUNT), terms, depth.side, depth.price_ticks, lots, now_ns)
        return maker_order(terms, depth.side, depth.price_ticks, lots, self.ids.next("order"), now_ns)

    # --- frames on their way ------------------------------------------------------------------------------------

    def on_connect(self, connection: int, now_ns: int) -> list[Output]:
        return [*self.on_timer(now_ns), *self._on_the_way(super().on_connect(connection, now_ns), now_ns)]

    def on_frame(self, connection: int, data: bytes, now_ns: int) -> list[Output]:
        if self._in_ns:
            self._inbound.append((now_ns + self._in_ns, connection, data))
            return self.on_timer(now_ns)
        return [*self._arrived(now_ns), *self._on_the_way(super().on_frame(connection, data, now_ns), now_ns)]

    def on_close(self, connection: int, now_ns: int) -> list[Output]:
        # What has not arrived when its connection ends is never processed, so that a client can ask what was.
        self._inbound = deque(each for each in self._inbound if each[1] != connection)
        return [*self.on_timer(now_ns), *self._on_the_way(super().on_close(connection, now_ns), now_ns)]

    def on_timer(self, now_ns: int) -> list[Output]:
        outputs: list[Output] = []
        while self._inbound and self._inbound[0][0] <= now_ns:
            due_ns, connection, data = self._inbound.popleft()
            outputs += self._on_the_way(super().on_frame(connection, data, due_ns), due_ns)
        outputs += self._on_the_way(super().on_timer(now_ns), now_ns)
        return [*outputs, *self._arrived(now_ns)]

    def on_request(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes, now_ns: int
    ) -> Response:
        before = self.on_timer(now_ns)
        response = super().on_request(method, path, query, headers, body, now_ns)
        return replace(response, outputs=[*before, *self._on_the_way(response.outputs, now_ns)])

    def next_timer_ns(self) -> int:
        due_ns = super().next_timer_ns()
        if self._inbound:
            due_ns = min(due_ns, self._inbound[0][0])
        return min(due_ns, self._outbound[0][0]) if self._outbound else due_ns

    def _on_the_way(self, outputs: list[Output], now_ns: int) -> list[Output]:
        """What leaves at once: journal lines, and without latency everything."""
        if not self._out_ns:
            return outputs
        self._outbound += ((now_ns + self._out_ns, each) for each in outputs if not isinstance(each, Record))
        return [each for each in outputs if isinstance(each, Record)]

    def _arrived(self, now_ns: int) -> list[Output]:
        """What has reached its client by now."""
        outputs: list[Output] = []
        while self._outbound and self._outbound[0][0] <= now_ns:
            outputs.append(self._outbound.popleft()[1])
        return outputs
