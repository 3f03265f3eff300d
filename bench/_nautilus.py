# mypy: ignore-errors
# Its only reader is the interpreter of an environment that has NautilusTrader.
"""NautilusTrader's way through the same work: cancel and replace a bid and an ask with every quote tick.

Runs with the interpreter of an environment that has `nautilus_trader`, which is no dependency of ours, and prints a
line of JSON: ticks, orders and the CPU seconds that the engine took, its simulated venue included.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal

from nautilus_trader import __version__
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, TimeInForce
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

TICK_NS = 1_000_000
AWAY = Decimal("20.00")
"""Dollars from the tick's bid and ask to ours: nothing is ever executed."""
CYCLE = 9


class Requoting(Strategy):
    """Two orders around each tick, in the place of those of the tick before."""

    def __init__(self, instrument) -> None:
        super().__init__(StrategyConfig(order_id_tag="001"))
        self.instrument = instrument
        self.sent = 0

    def on_start(self) -> None:
        self.quantity = self.instrument.make_qty(Decimal("0.01"))
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        for order in self.cache.orders_open(strategy_id=self.id):
            self.cancel_order(order)
        for side, price in (
            (OrderSide.BUY, tick.bid_price.as_decimal() - AWAY),
            (OrderSide.SELL, tick.ask_price.as_decimal() + AWAY),
        ):
            self.sent += 1
            self.submit_order(
                self.order_factory.limit(
                    self.instrument.id,
                    side,
                    self.quantity,
                    self.instrument.make_price(price),
                    time_in_force=TimeInForce.GTC,
                    post_only=True,
                )
            )


def main(ticks: int) -> None:
    instrument = TestInstrumentProvider.btcusdt_binance()
    engine = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(
                max_order_submit_rate="1000000/00:00:01", max_order_modify_rate="1000000/00:00:01"
            ),
        )
    )
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(1_000_000_000, USDT), Money(10_000, BTC)],
    )
    engine.add_instrument(instrument)
    size = instrument.make_qty(Decimal(1))
    data = []
    for number in range(ticks):
        bid = Decimal(60_000) + number % CYCLE
        at_ns = (number + 1) * TICK_NS
        prices = instrument.make_price(bid), instrument.make_price(bid + 1)
        data.append(QuoteTick(instrument.id, *prices, size, size, at_ns, at_ns))
    engine.add_data(data)
    strategy = Requoting(instrument)
    engine.add_strategy(strategy)
    began = time.process_time()
    engine.run()
    took = time.process_time() - began
    print(json.dumps({"version": __version__, "ticks": ticks, "orders": strategy.sent, "cpu_s": took}))
    engine.dispose()


if __name__ == "__main__":
    main(int(sys.argv[1]))
