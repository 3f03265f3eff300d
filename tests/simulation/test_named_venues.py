"""Spot bots at named venues beside YES/NO markets: quotes are what the books allow, and every account agrees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import Fill, Posting, PostingKind, decode
from toolkit.simulation.bus import Faults
from toolkit.simulation.scenario import Scenario, Trouble
from toolkit.simulation.world import NS_PER_S, START_NS, World

pytestmark = pytest.mark.timeout(900)


def a_world(troubles: list[Trouble] | None = None) -> World:
    scenario = Scenario(2, market_s=30, calm_s=20.0, end_s=40.0, named=True, troubles=troubles or [])
    if troubles:
        scenario.faults = Faults(drop=0.01, lost_ack=0.02, duplicate=0.05, lost_answer=0.05, lost_request=0.05)
    return World(scenario)


def test_money_sent_between_venues_is_booked_at_both_and_earns_nobody_anything() -> None:
    world = a_world([Trouble("kill", 11.0, 2.0, "quoter")])
    names = ("mm1-dltxmm", "mm1-kraken")
    yen = 100_000_000

    def send() -> None:
        home = world.named.venues["DLTXMM"]
        account = home.ledger.account(names[0])

        def sent(_venue: Any) -> list[object]:
            home.transfers.send(account, 1, "JPY", 3_000 * yen, "KRAKEN", names[1], world.schedule.now_ns)
            outputs: list[object] = home.outputs()
            return outputs

        world.network.venue_does(sent, "dltxmm")

    # While it is on its way the quoter dies: it arrives unseen, and is read back.
    world.schedule.at(START_NS + 8 * NS_PER_S, send)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    postings = [decode(Posting, each.data) for each in world.bus.stored("fill.posting.>")]
    transfers = [each for each in postings if each.kind is PostingKind.TRANSFER]
    assert [(each.account, each.cash, each.transfer_id) for each in transfers] == [
        (names[0], {"JPY": Decimal(-3_000)}, "DLTXMM-KRAKEN-1"),
        (names[1], {"JPY": Decimal(3_000)}, "DLTXMM-KRAKEN-1"),
    ]


def test_a_calm_run_quotes_by_what_the_books_allow_and_agrees_in_every_currency() -> None:
    world = a_world()
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    assert all(each.judged > 50 for each in world.named.watches), "prices were compared"
    fills = [decode(Fill, message.data) for message in world.bus.stored("fill.trade.>")]
    traded = {(fill.account, fill.symbol, fill.fee_currency) for fill in fills}
    assert traded >= {("mm1-dltxmm", "BTCJPY", "JPY"), ("mm1-bittrex", "ADAETH", "BNB")}
    paid = sum((fill.fee for fill in fills if fill.fee_currency == "BNB"), Decimal(0))
    held = Decimal(world.named.accounts["mm1-bittrex"].total("BNB")).scaleb(-8)
    assert 0 < paid == 20 - held
    assert outcome.fills == sum(fill.account == "mm1" for fill in fills) > 0, "the YES/NO bot trades beside them"
