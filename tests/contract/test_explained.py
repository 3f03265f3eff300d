"""What the quoter explains is what the command line reads out: both sides of one shape that no type holds together."""

from __future__ import annotations

import json
from decimal import Decimal

from common.events import BotConfig, BotLimits, FeeCurrency, FeeTerms, Market, MarketStatus, SourcePrice
from common.instruments import InstrumentKind
from common.testing.limits import binary_limits, spot_limits
from quoter.testing.script import MARKET, MS, Script
from toolkit.operating.explain import lines

COIN = "BTCUSD"


def test_r53_the_quoters_own_explanation_is_read_out_whole() -> None:
    script = Script()
    script.start()
    script.wait(500, fair=0.5)
    told = script.core.explain({"market": MARKET}, script.now_ns)
    assert told is not None
    said = "\n".join(lines(told))
    assert MARKET in said
    assert "fair 0.5000" in said
    assert "feed (" in said


def test_what_is_quoted_without_an_end_is_read_out_too_with_the_fees_of_its_venue() -> None:
    sections = {"instrument": {"symbols": [COIN]}, "risk_limits": {}}
    script = Script()
    script.start(BotConfig(algo_id="1", kind="fixed", revision=1, running=True, sections=sections, actor="x", ts_ns=0))
    coin = Market(
        venue="degen",
        symbol=COIN,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base="BTC",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.0001"),
        fees=FeeTerms(maker_rate=Decimal("0.0001"), taker_rate=Decimal("0.0005"), currency=FeeCurrency.PRICE),
        ts_received_ns=0,
    )
    script.carry(script.core.on_market(coin, script.receipt(2)))
    limits = BotLimits(binary_limits().common, spot_limits().kinds)
    said = []
    for _ in range(4):
        script.now_ns += 50 * MS
        script.feed_inputs(limits=limits)
        told = script.core.explain({"market": COIN}, script.now_ns)
        said.append("" if told is None else "\n".join(lines(json.loads(json.dumps(told)))))
        price = SourcePrice(algo_id="1", venue="degen", symbol=COIN, bid=59_990.0, ask=60_010.0, age_ns=0)
        script.carry(script.core.on_source(price, script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))
    assert any("no price" in each for each in said), "before the first price"
    assert "source 59990 / 60010 (" in said[-1]
    assert "position 0 BTC" in said[-1]
    assert "fees 0.0001 maker 0.0005 taker, in what is paid" in said[-1]
    assert "s left" not in said[-1]
