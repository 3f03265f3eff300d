"""The quoter's core alone with a venue's frames, in one process and on a virtual clock, and the CPU that it takes.

The core is the live one with the session of the Degen Terminal, so that reading the venue's answers counts. What is
around it does not: the venue (frames as in a tick-to-order run), the bus, the sockets and the shell.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from _front import Request, Socket
from _orders import ACCOUNT, Orders
from common.clock import NS_PER_MS, NS_PER_S
from common.core import Close, Effect, Effects, HttpRequest, HttpResponse, Open, Receipt, Send, Turn, Wire
from common.events import (
    BotConfig,
    FairValue,
    FeedStatus,
    Market,
    MarketStatus,
    Position,
    RiskState,
)
from common.instruments import InstrumentKind
from common.running.service import COLLECT_AFTER
from common.testing.limits import binary_limits
from quoter.accounts.reached import Reached
from quoter.keys import AccountKeys
from quoter.service import TIMER_MS
from quoter.wiring import make_quoter

BOT, VENUE, SERIES = "1", "degen", "BTC-5M"
START_NS = 1_795_222_800 * NS_PER_S
LIFE_NS = 86_400 * NS_PER_S
WARM_UP_TIMERS = 40
"""Past the session's recovery and the wait after the first stale inputs."""
LEVELS, SPREAD, SIZE = 3, 0.10, 100
NO_LIMIT = 1_000_000_000
LIMITS = binary_limits(
    max_position_lots=10_000,
    max_net_lots=10_000,
    max_order_lots=SIZE,
    max_open_orders=NO_LIMIT,
    max_messages_per_s=NO_LIMIT,
    max_daily_loss=Decimal(NO_LIMIT),
    max_notional=float(NO_LIMIT),
    max_account_notional=float(NO_LIMIT),
    max_cancels_per_s=NO_LIMIT,
)
SECTIONS: dict[str, Any] = {
    "instrument": {"series": [SERIES], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}},
    "quoting": {"levels": LEVELS, "spread": SPREAD, "size": SIZE},
    "risk_limits": {"max_markets": 1_000},
    # Ladders as they are configured: what takers will surely bring changes with the time that is left.
    "inventory": {"flow_caution": 0.0},
}

Handler = Callable[[Receipt], Effects]
Burst = Sequence[Handler]
"""Inputs that arrive together."""


class VenueWire(Socket):
    """The venue's end of the session's connection; what it sends waits to be taken."""

    def __init__(self) -> None:
        self.path, self.open = "/ws", True
        self.frames: list[bytes] = []

    def send(self, text: bytes) -> None:
        self.frames.append(text)

    def take(self) -> list[bytes]:
        frames, self.frames = self.frames, []
        return frames


class Venue:
    """Takes every order and fills none, as the stand-in of a tick-to-order run does."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._orders = Orders(symbols, lambda market, bid, ask, received_ns: None, list)
        self.wire = VenueWire()

    def on_send(self, data: bytes) -> None:
        self._orders.on_text(self.wire, data, 0)

    def answer(self, ask: HttpRequest, now_ns: int) -> HttpResponse:
        address = urlsplit(ask.url)
        request = Request(ask.method, address.path, dict(parse_qsl(address.query)), ask.body)
        status, document = self._orders.answer(request, now_ns)
        return HttpResponse(ask.request_id, status, msgspec.json.encode(document), {})


class CoreRun:
    """One quoter that quotes so many markets; `cpu_ns` is what its core has taken so far."""

    def __init__(self, markets: int) -> None:
        self.symbols = [f"{SERIES}-{START_NS // NS_PER_S + number}" for number in range(markets)]
        self.venue = Venue(self.symbols)
        keys = AccountKeys({"DEGEN_API_KEY": "trade", "DEGEN_WALLET_KEY": "stand-in"}, Path(), ACCOUNT)
        self.core = make_quoter(Reached(keys, "degen", "degen", "http://venue"), messages_per_s=float(NO_LIMIT))
        self.core.epoch = 1
        self._wire = next(each for each in self.core.inputs() if isinstance(each, Wire))
        self.now_ns = START_NS + 10 * NS_PER_S
        self.cpu_ns = self.messages = 0
        """Messages are the events published, the venue's frames and ours."""
        self.heard: list[list[bytes]] = []
        """The venue's frames, as they arrived together."""

    # --- turns --------------------------------------------------------------------------------------------------

    def take_turns(self, bursts: Sequence[Burst]) -> None:
        """Hand in bursts, a turn for each, then carry out what they ask for and hand in what comes of that."""
        while bursts:
            began_ns = time.process_time_ns()
            effects = self._turns(bursts)
            self.cpu_ns += time.process_time_ns() - began_ns
            bursts = self._carry_out(effects)

    def _turns(self, bursts: Sequence[Burst]) -> list[Effect]:
        effects: list[Effect] = []
        for burst in bursts:
            for handler in burst:
                effects.extend(handler(Receipt(self.now_ns)))
            effects.extend(self.core.after_burst(Receipt(self.now_ns)))
        return effects

    def _carry_out(self, effects: Sequence[Effect]) -> list[Burst]:
        """Return what follows, the venue's frames in one burst: they arrive in one read."""
        caused: list[Burst] = []
        for effect in effects:
            self.messages += 1
            if isinstance(effect, Send):
                self.venue.on_send(effect.data)
            elif isinstance(effect, HttpRequest):
                answer = self.venue.answer(effect, self.now_ns)
                caused.append([partial(self.core.on_answer, answer)])
            elif isinstance(effect, Turn):
                caused.append([effect.handler])
            elif isinstance(effect, Open):
                caused.append([self._wire.on_open])
            else:
                assert not isinstance(effect, Close), f"the session was closed: {effect}"
        frames = self.venue.wire.take()
        if frames:
            self.messages += len(frames)
            self.heard.append(frames)
            caused.append([partial(self._wire.on_frame, frame) for frame in frames])
        return caused

    # --- inputs -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin and quote every market around 0.50."""
        core = self.core
        sections = BotConfig(
            algo_id=BOT, kind="binary", revision=1, running=True, sections=SECTIONS, actor="bench", ts_ns=0
        )
        position = Position(
            algo_id=BOT, lines=[], realized=Decimal(0), fees=Decimal(0), fill_sequence=0, ts_ns=0, epoch=1
        )
        events: Burst = [partial(core.on_config, sections), partial(core.on_position, position)]
        self.take_turns([events, [partial(core.on_market, _market(symbol)) for symbol in self.symbols]])
        self.take_turns([[core.start]])
        for _ in range(WARM_UP_TIMERS):
            self.on_fairs(0.50125)
            self.on_timer()
        orders = self.core.trader.orders
        assert len(orders) == 2 * LEVELS * len(self.symbols), f"{len(orders)} orders in {len(self.symbols)} markets"
        self.cpu_ns = self.messages = 0
        self.heard.clear()

    @property
    def passes(self) -> int:
        return self.core.passes.count

    @property
    def orders_sent(self) -> int:
        return self.core.trader.orders.counts_of(BOT)[0]

    def on_timer(self) -> None:
        """Let a period of the timer pass, with everything fresh."""
        self.now_ns += TIMER_MS * NS_PER_MS
        status = FeedStatus(venue=VENUE, connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True, epoch=1)
        state = RiskState(
            shard="0",
            ledger_sequence=0,
            limits={},
            bot_limits={BOT: LIMITS},
            config_revisions={BOT: 1},
            halts=[],
            ts_ns=self.now_ns,
            epoch=1,
        )
        core = self.core
        self.take_turns([[partial(core.on_feed_status, status)], [partial(core.on_risk, state)], [core.on_timer]])

    def fairs(self, value: float) -> Burst:
        """Return a fair value of every market, as they come of one price of the underlying."""
        return [partial(self.core.on_fair, _fair(symbol, value)) for symbol in self.symbols]

    def on_fairs(self, value: float) -> None:
        self.take_turns([self.fairs(value)])


def _market(symbol: str) -> Market:
    return Market(
        venue=VENUE,
        symbol=symbol,
        kind=InstrumentKind.BINARY,
        status=MarketStatus.OPEN,
        underlying="BTC",
        series=SERIES,
        strike=Decimal(60_000),
        tick_size=Decimal("0.01"),
        open_ns=START_NS,
        expiry_ns=START_NS + LIFE_NS,
        ts_received_ns=0,
        epoch=1,
    )


def _fair(symbol: str, value: float) -> FairValue:
    return FairValue(
        algo_id=BOT,
        venue=VENUE,
        symbol=symbol,
        fair=value,
        delta=0.0001,
        volatility=0.5,
        spot=60_000.0,
        seconds_left=80_000.0,
        ready=True,
        age_ns=0,
        epoch=1,
    )


@contextmanager
def calm_collector() -> Iterator[None]:
    """Let the garbage collector look as rarely as it does in a service."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
